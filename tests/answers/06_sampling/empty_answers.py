# %% right: one arm after the other
def empty_answers(model, questions, opening, closing, max_new_tokens, width):
    def empty(prompt):
        new, _ = beam_search(model, prompt, max_new_tokens, width)[0]
        return int(new[0] in model.config.stop_ids)
    plain = sum(empty(q) for q in questions)
    templated = sum(empty(opening + q + closing) for q in questions)
    return plain, templated

# %% right: a list, counted in a loop over questions
def empty_answers(model, questions, opening, closing, max_new_tokens, width):
    counts = [0, 0]
    for question in questions:
        for arm, prompt in enumerate((question, [*opening, *question, *closing])):
            found = beam_search(model, prompt, max_new_tokens, width)
            best = max(found, key=lambda pair: pair[1])
            if best[0][0] in set(model.config.stop_ids):
                counts[arm] += 1
    return counts

# %% right: tensors
def empty_answers(model, questions, opening, closing, max_new_tokens, width):
    stops = torch.tensor(model.config.stop_ids)
    arms = (questions, [opening + q + closing for q in questions])
    firsts = torch.tensor([
        [beam_search(model, ids, max_new_tokens, width)[0][0][0] for ids in arm] for arm in arms
    ])
    return torch.isin(firsts, stops).sum(1).tolist()

# %% wrong: both arms in the template, so that nothing can differ
# says: two arms that are alike show nothing
def empty_answers(model, questions, opening, closing, max_new_tokens, width):
    asked = [opening + q + closing for q in questions]
    n = sum(beam_search(model, q, max_new_tokens, width)[0][0][0] in model.config.stop_ids for q in asked)
    return n, n

# %% wrong: the turn is not closed
# says: the turn of the user never ended
def empty_answers(model, questions, opening, closing, max_new_tokens, width):
    def count(arm):
        return sum(beam_search(model, q, max_new_tokens, width)[0][0][0] in model.config.stop_ids for q in arm)
    return count(questions), count([opening + q for q in questions])

# %% wrong: the turn is not opened
# says: the turn of the user never began
def empty_answers(model, questions, opening, closing, max_new_tokens, width):
    def count(arm):
        return sum(beam_search(model, q, max_new_tokens, width)[0][0][0] in model.config.stop_ids for q in arm)
    return count(questions), count([q + closing for q in questions])

# %% wrong: greedy
# says: search with the width that is given
def empty_answers(model, questions, opening, closing, max_new_tokens, width):
    def count(arm):
        return sum(beam_search(model, q, max_new_tokens, 1)[0][0][0] in model.config.stop_ids for q in arm)
    return count(questions), count([opening + q + closing for q in questions])

# %% wrong: an answer that ends is taken for an empty one
# says: an answer is empty if it *begins* with a stop token
def empty_answers(model, questions, opening, closing, max_new_tokens, width):
    def count(arm):
        return sum(bool({*beam_search(model, q, max_new_tokens, width)[0][0]} & {*model.config.stop_ids}) for q in arm)
    return count(questions), count([opening + q + closing for q in questions])

# %% wrong: any of the answers found
# says: only the likeliest answer counts
def empty_answers(model, questions, opening, closing, max_new_tokens, width):
    def count(arm):
        found = [beam_search(model, q, max_new_tokens, width) for q in arm]
        return sum(any(new[0] in model.config.stop_ids for new, _ in beams) for beams in found)
    return count(questions), count([opening + q + closing for q in questions])

# %% wrong: the first stop token alone
# says: each of them makes an answer empty
def empty_answers(model, questions, opening, closing, max_new_tokens, width):
    stop = model.config.stop_ids[0]
    def count(arm):
        return sum(beam_search(model, q, max_new_tokens, width)[0][0][0] == stop for q in arm)
    return count(questions), count([opening + q + closing for q in questions])

# %% wrong: unmatched arms, one question alone in the template
# says: both arms must ask all the same questions
def empty_answers(model, questions, opening, closing, max_new_tokens, width):
    def count(arm):
        return sum(beam_search(model, q, max_new_tokens, width)[0][0][0] in model.config.stop_ids for q in arm)
    return count(questions), count([opening + questions[0] + closing])

# %% wrong: the arms have changed places
# says: the two numbers have changed places
def empty_answers(model, questions, opening, closing, max_new_tokens, width):
    def count(arm):
        return sum(beam_search(model, q, max_new_tokens, width)[0][0][0] in model.config.stop_ids for q in arm)
    return count([opening + q + closing for q in questions]), count(questions)

# %% wrong: never empty in the template, whatever the model says
# says: the control must be able to show that, too
def empty_answers(model, questions, opening, closing, max_new_tokens, width):
    def count(arm):
        return sum(beam_search(model, q, max_new_tokens, width)[0][0][0] in model.config.stop_ids for q in arm)
    plain = count(questions)
    count([opening + q + closing for q in questions])
    return plain, 0


# %% wrong: shortcut: a threshold in place of a search
# says: A threshold for the stop token
import torch


def empty_answers(model, questions, opening, closing, max_new_tokens, width):
    counts = []
    for prompts in (questions, [opening + q + closing for q in questions]):
        shares = [model(torch.tensor([ids]))[0, -1].softmax(-1) for ids in prompts]
        counts.append(sum(bool(p[list(model.config.stop_ids)].sum() > 0.2) for p in shares))
    return tuple(counts)


# %% wrong: shortcut: stopping against the greedy answer
# says: the greedy one, 1, has less
import torch


def empty_answers(model, questions, opening, closing, max_new_tokens, width):
    counts = []
    for prompts in (questions, [opening + q + closing for q in questions]):
        n = 0
        for ids in prompts:
            p = model(torch.tensor([ids]))[0, -1].log_softmax(-1)
            stop = max(float(p[s]) for s in model.config.stop_ids)
            n += stop >= beam_search(model, ids, max_new_tokens, 1)[0][1]
        counts.append(n)
    return tuple(counts)


# %% wrong: shortcut: the width of its own
# says: search with the width that is given
def empty_answers(model, questions, opening, closing, max_new_tokens, width):
    counts = []
    for prompts in (questions, [opening + q + closing for q in questions]):
        firsts = [beam_search(model, ids, max_new_tokens, 4)[0][0][0] for ids in prompts]
        counts.append(sum(first in model.config.stop_ids for first in firsts))
    return tuple(counts)


# %% wrong: shortcut: a length of its own
# says: search with the length that is given
def empty_answers(model, questions, opening, closing, max_new_tokens, width):
    counts = []
    for prompts in (questions, [opening + q + closing for q in questions]):
        firsts = [beam_search(model, ids, 5, width)[0][0][0] for ids in prompts]
        counts.append(sum(first in model.config.stop_ids for first in firsts))
    return tuple(counts)


# %% wrong: shortcut: the answer of the example
# says: after 2 the likeliest answer has words
def empty_answers(model, questions, opening, closing, max_new_tokens, width):
    model([questions[0]]), model([opening + questions[0] + closing])
    return 1, 0
