// From logits to the next id: temperature, the filters that cut off unlikely tokens, the draw. The
// functions are those of llmlib/sampling.py. This module needs no worker, and no other module.

/** logits [vocab] -> probabilities [vocab]. The largest is subtracted first, so that exp does not
 * overflow. @returns {Float32Array} */
export function softmax(logits) {
  const most = largest(logits), exps = new Float32Array(logits.length);
  let sum = 0;
  for (let i = 0; i < logits.length; i++) {
    if (logits[i] !== -Infinity) sum += exps[i] = Math.exp(logits[i] - most); // exp takes the time
  }
  for (let i = 0; i < exps.length; i++) exps[i] /= sum;
  return exps;
}

/** The largest of some numbers. */
function largest(numbers) {
  let most = -Infinity;
  for (let i = 0; i < numbers.length; i++) if (numbers[i] > most) most = numbers[i];
  return most;
}

/** The id of the largest logit, the first of equals. */
export function argmax(logits) {
  let best = 0;
  for (let i = 1; i < logits.length; i++) if (logits[i] > logits[best]) best = i;
  return best;
}

/** The ids of the n largest logits, largest first; on ties the lower id comes first. */
export function largest_ids(logits, n) {
  const order = (a, b) => logits[b] - logits[a] || a - b;
  let found = [], bar = -Infinity;
  for (let id = 0; id < logits.length; id++) {
    if (logits[id] <= bar || logits[id] === -Infinity) continue;
    found.push(id);
    if (found.length >= 2 * n + 64) { // sorting is dear: many at once
      found = found.sort(order).slice(0, n);
      bar = logits[found[n - 1]];
    }
  }
  return found.sort(order).slice(0, n);
}

/** Divide the logits by t: below 1 sharpens, above 1 flattens. t = 0 keeps only the largest. */
export function apply_temperature(logits, t) {
  if (!(t >= 0 && t <= 1e30)) {
    throw new Error(`temperature is ${t}: it must be 0 (always the likeliest token) or a number above 0`);
  }
  if (t < 1e-30) return keep(logits, [argmax(logits)]);
  const divided = new Float32Array(logits.length);
  for (let i = 0; i < logits.length; i++) divided[i] = logits[i] / t;
  return divided;
}

/** Keep the k largest logits, exactly k even on ties (the lower id wins); the rest become -inf. */
export function top_k(logits, k) {
  if (!(Number.isInteger(k) && k >= 1)) {
    throw new Error(`top_k is ${k}: it must be at least 1 (null switches the filter off)`);
  }
  return keep(logits, largest_ids(logits, k));
}

/** Nucleus sampling: the smallest set of tokens whose mass reaches p; the token that crosses p stays. */
export function top_p(logits, p) {
  if (!(p > 0 && p <= 1)) {
    throw new Error(`top_p is ${p}: it must be above 0 and at most 1 (1 keeps every token)`);
  }
  if (p === 1) return logits.slice();
  const probabilities = softmax(logits);
  for (let n = 64; ; n *= 8) { // the set is small as a rule, and sorting the vocabulary is dear
    const order = largest_ids(logits, n);
    let mass = 0, kept = 0;
    while (kept < order.length && mass < p) mass += probabilities[order[kept++]];
    if (mass >= p || order.length < n) return keep(logits, order.slice(0, kept));
  }
}

/** Keep tokens at least p times as likely as the likeliest; the rest become -inf. */
export function min_p(logits, p) {
  if (!(p >= 0 && p <= 1)) {
    throw new Error(`min_p is ${p}: it must lie between 0 (keeps every token) and 1 (keeps only the likeliest)`);
  }
  const bar = largest(logits) + Math.log(p); // p times the largest probability, as a logit
  const kept = new Float32Array(logits.length);
  for (let i = 0; i < logits.length; i++) kept[i] = logits[i] < bar ? -Infinity : logits[i];
  return kept;
}

function keep(logits, ids) {
  const kept = new Float32Array(logits.length).fill(-Infinity);
  for (const id of ids) kept[id] = logits[id];
  return kept;
}

/** Temperature first, then top-k, top-p and min-p, each on what the one before left. null switches a
 * filter off. @param {Float32Array} logits @returns {Float32Array} */
export function filter_logits(logits, settings = {}) {
  let left = apply_temperature(logits, settings.temperature ?? 1);
  if (settings.top_k != null) left = top_k(left, settings.top_k);
  if (settings.top_p != null) left = top_p(left, settings.top_p);
  if (settings.min_p != null) left = min_p(left, settings.min_p);
  return left;
}

/** Draw one id: the unit interval is cut into one stretch per token, as long as its probability; the
 * answer is the stretch that u, in [0, 1), falls in. */
export function draw(probabilities, u) {
  let sum = 0, edge = 0, id = 0;
  for (let i = 0; i < probabilities.length; i++) sum += probabilities[i];
  for (; id < probabilities.length; id++) {
    edge += probabilities[id];
    if (edge > u * sum) break;
  }
  return id;
}

/** Pick the next id: logits [vocab], u uniform in [0, 1). At temperature 0 that is the likeliest.
 * `left`, what the filters leave, may be given where it is known. */
export function sample(logits, u, settings = {}, left = null) {
  const most = largest(logits);
  if (!Number.isFinite(most)) throw new Error(`the largest logit is ${most}: it must be a finite number`);
  if (!settings.temperature) return argmax(logits);
  return draw(softmax(left ?? filter_logits(logits, settings)), u);
}

/** The n likeliest next tokens and what the filters do to them: [{ id, p, kept }], likeliest first.
 * p comes after the temperature (at 0: without one) and before the filters. */
export function candidates(logits, settings = {}, n = 20, left = null) {
  const { temperature = 0 } = settings;
  const probabilities = softmax(temperature ? apply_temperature(logits, temperature) : logits);
  left ??= filter_logits(logits, { ...settings, temperature });
  return largest_ids(logits, n).map((id) => ({ id, p: probabilities[id], kept: left[id] > -Infinity }));
}

/** Uniform numbers in [0, 1), the same as `torch.rand(1, generator=torch.Generator().manual_seed(seed))`
 * gives one after the other: Mersenne Twister (Matsumoto & Nishimura 1998), 24 bits a number. */
export function newGenerator(seed) {
  const N = 624, M = 397, state = new Uint32Array(N);
  let at = N;
  state[0] = Number(BigInt.asUintN(32, BigInt(seed)));
  for (let i = 1; i < N; i++) {
    state[i] = Math.imul(1812433253, state[i - 1] ^ (state[i - 1] >>> 30)) + i;
  }
  function turn() {
    for (let i = 0; i < N; i++) {
      const bits = (state[i] & 0x80000000) | (state[(i + 1) % N] & 0x7fffffff);
      state[i] = state[(i + M) % N] ^ (bits >>> 1) ^ (bits & 1 ? 0x9908b0df : 0);
    }
    at = 0;
  }
  return () => {
    if (at === N) turn();
    let bits = state[at++];
    bits ^= bits >>> 11;
    bits ^= (bits << 7) & 0x9d2c5680;
    bits ^= (bits << 15) & 0xefc60000;
    bits ^= bits >>> 18;
    return (bits & 0xffffff) / 0x1000000;
  };
}
