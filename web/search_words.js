/* Words of the search that depend on the language. */

/* Those that say nothing of what is sought. */
export const STOP_WORDS = new Set(`a about after again all also am an and any are as at be because been before being but by can
  could did do does doing don down each few for from further get gets go goes had has have having he her here him his how i if
  in into is isn it its itself just know let like ll m make makes many may me mean means might more most much must my need no
  nor not of off on once or other our out over own re s same she should so some such t take tell than that the their them then
  there these they thing things this those through to too under until up use used uses ve very want was we were what when where
  which while who why will with work works would you your model models`.split(/\s+/));

/* Each line: what sections say, and after the colon how else one asks for it. A question with any of these finds
 * sections with any of the former. */
export const SYNONYMS = `
  quantization, quantize, quantized, int8, int4
  repetition, repeating: repeat itself, repeats itself, repetitive, loops, stuck
  hallucination, hallucinate: hallucinating, make things up, makes things up, invent
  tokenization, tokenize, tokenizer
  byte pair encoding, bpe
  position, order
  size, large: big
  memory, byte: gigabyte, ram
  fast, speed: slow
  letter, spelling: spell
  fact: knowledge
  feed forward, mlp: ffn
  top p: nucleus
`.trim().split("\n").map(line => line.trim().split(": ").map(names => names.split(", ")));
