"""`llmlib complete PROMPT`: stream a continuation to the terminal."""

from llmlib import generation, pretrained


def add_arguments(parser):
    parser.add_argument("prompt", metavar="PROMPT", help="the text to continue")
    parser.add_argument(
        "--model",
        default="smollm2",
        help='"smollm2", a model folder, or a name on the Hugging Face hub (default: %(default)s)',
    )
    parser.add_argument(
        "--weights",
        default="float32",
        metavar="KIND",
        help="float32, bfloat16 or int8: fewer bits are faster, and a little less exact "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--device",
        default="cpu",
        help='"cpu", or "cuda" or "mps" where there is one (default: %(default)s)',
    )
    parser.add_argument(
        "--max-new-tokens",
        type=int,
        default=32,
        metavar="N",
        help="stop after N tokens (default: %(default)s)",
    )
    parser.add_argument(
        "--temperature",
        type=float,
        default=0.0,
        metavar="T",
        help="0 takes the likeliest token each time (default: %(default)s)",
    )
    parser.add_argument("--top-k", type=int, metavar="K", help="keep the K likeliest tokens")
    parser.add_argument(
        "--top-p", type=float, metavar="P", help="keep the likeliest tokens whose mass reaches P"
    )
    parser.add_argument(
        "--min-p",
        type=float,
        metavar="P",
        help="keep tokens at least P times as likely as the likeliest",
    )
    parser.add_argument("--seed", type=int, metavar="S", help="make a draw repeatable")
    parser.add_argument(
        "--chat", action="store_true", help="put PROMPT into the model's chat template"
    )
    parser.add_argument(
        "--show-probabilities",
        action="store_true",
        help="print the five likeliest tokens at each step",
    )


def run(args):
    settings = {
        "temperature": args.temperature,
        "top_k": args.top_k,
        "top_p": args.top_p,
        "min_p": args.min_p,
        "seed": args.seed,
    }
    model = pretrained.load(args.model, args.weights, args.device)
    prompt = (
        generation.chat_prompt(model, args.prompt) if args.chat and args.prompt else args.prompt
    )
    if args.show_probabilities:
        for token_id, logits in generation.steps(
            model, generation.encode_prompt(model, prompt), args.max_new_tokens, **settings
        ):
            table = "   ".join(
                f"{text!r} {p:.3f}" for _, text, p in generation.top_tokens(model, logits)
            )
            print(f"{model.tokenizer.decode([token_id])!r:<16} from   {table}", flush=True)
        return
    stream = generation.stream_text(
        model, prompt, args.max_new_tokens, **settings
    )  # refuses bad settings before anything is printed
    print("" if args.chat else prompt, end="", flush=True)
    for text in stream:
        print(text, end="", flush=True)
    print()
