// The model out of its GGUF file: settings, and tensors as kernel.c wants them.
import { ByteStream, readHead } from "./gguf.js";
import { Cache } from "./kv_cache.js";
import { newBuffers, newParts } from "./parts.js";

/** The model out of the chunks of its GGUF file, in order; nothing of the file is kept but what the
 * kernel's memory holds. @returns { config, weights, parts, buffers, cache, kernel, metadata } */
export async function loadModel(chunks, kernel) {
  const file = new ByteStream(chunks);
  const { metadata, tensors } = await file.parse(readHead);
  const config = configOf(metadata, tensors);
  const stored = {};
  const staging = kernel.allocate(STAGING);
  for (const tensor of tensors) {
    await file.read(tensor.offset - file.position);
    stored[tensor.name] = await loadTensor(tensor, file, kernel, staging);
  }
  const weights = {
    embedding: stored["token_embd.weight"],
    layers: Array.from({ length: config.n_layer }, (_, i) => layerOf(stored, i)),
    norm: stored["output_norm.weight"],
  };
  const buffers = newBuffers(config, kernel);
  const model = { config, weights, buffers, kernel, metadata };
  model.parts = newParts(model);
  model.cache = new Cache(model); // last: it grows at the end of the kernel's memory
  return model;
}

function configOf(metadata, tensors) {
  const architecture = metadata["general.architecture"];
  const get = (key) => metadata[`${architecture}.${key}`];
  const n_head = get("attention.head_count"), d_model = get("embedding_length");
  const config = {
    n_layer: get("block_count"),
    n_head,
    n_kv_head: get("attention.head_count_kv"), // fewer than n_head: grouped queries
    d_model,
    d_mlp: get("feed_forward_length"),
    head_dim: d_model / n_head,
    vocab_size: tensors.find(({ name }) => name === "token_embd.weight").shape[0],
    context: get("context_length"), // the longest text, in tokens
    eps: get("attention.layer_norm_rms_epsilon"),
    rope_theta: get("rope.freq_base"),
    stop_ids: [metadata["tokenizer.ggml.eos_token_id"]],
  };
  const known = architecture === "llama" && !tensors.some(({ name }) => /^output\.|bias$|_exps/.test(name));
  if (!known || config.head_dim % 8) {
    throw new Error("this engine runs models of the Llama family with tied embeddings and no biases");
  }
  return config;
}

function layerOf(stored, i) {
  const weight = (name) => stored[`blk.${i}.${name}.weight`];
  return {
    norm_1: weight("attn_norm"), // before attention
    q: weight("attn_q"),
    k: weight("attn_k"),
    v: weight("attn_v"),
    o: weight("attn_output"),
    norm_2: weight("ffn_norm"), // before the MLP
    gate: weight("ffn_gate"),
    up: weight("ffn_up"),
    down: weight("ffn_down"),
  };
}

const STAGING = 1 << 16; // bytes of a file on their way to their place
const PACKED = { // bytes of eight rows of a block, and who puts them there
  Q4_1: { bytes: 192, pack: "pack_q4_1" },
  Q8_0: { bytes: 288, pack: "pack_q8_0" },
};

/** A tensor, from the file into the kernel's memory: { at, rows, columns, kind }. */
async function loadTensor({ shape, kind }, file, kernel, staging) {
  const [rows, columns] = shape.length === 2 ? shape : [1, ...shape];
  if (kind.name === "F32") {
    const at = kernel.allocate(4 * rows * columns);
    kernel.bytes.set(await file.read(4 * rows * columns), at);
    return { at, rows, columns, kind: kind.name };
  }
  const { bytes, pack } = PACKED[kind.name], blocks = columns / kind.values, total = rows * blocks;
  const at = kernel.allocate(Math.ceil(rows / 8) * blocks * bytes);
  const most = Math.floor(STAGING / kind.bytes);
  for (let first = 0; first < total; first += most) {
    const count = Math.min(most, total - first);
    kernel.bytes.set(await file.read(count * kind.bytes), staging);
    kernel.call[pack](staging, count, at, blocks, first);
  }
  return { at, rows, columns, kind: kind.name };
}
