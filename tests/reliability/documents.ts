/** Documents that a name decides, so that a writer and whoever checks what it wrote need not exchange texts. */

/** Numbers in the vectors of each model. */
const DIMENSIONS: Readonly<Record<Model, number>> = { first: 8, second: 12 };
export type Model = 'first' | 'second';

/** The word that no other document has. */
export function wordOf(name: string): string {
  return `w${name}`;
}

/** The name of a document in a batch that stays as it was stored. */
export function keptName(batch: string, count: number, at: number): string {
  return `${batch}k${at}of${count}`;
}

/** Which batch a name is of, and of how many documents; `undefined` for one that may be changed. */
export function keptBatch(name: string): { batch: string; count: number } | undefined {
  const [, batch, count] = /(\w+)k\d+of(\d+)$/.exec(name) ?? [];
  return batch === undefined ? undefined : { batch, count: Number(count) };
}

/** The name that decided a text. */
export function nameOf(text: string): string {
  return text.split(' ', 1)[0]?.slice(1) ?? '';
}

/** Every 13th name has a text that is split into chunks, every 29th one that would fill a small log. */
export function textOf(name: string): string {
  const number = hash(name);
  const filler = number % 29 === 0 ? 1500 : number % 13 === 0 ? 500 : 3 + (number % 20);
  const words = Array.from({ length: filler }, (_, n) => `filler${(number + n * 7) % 900}`);
  return `${wordOf(name)} says ${words.join(' ')}`;
}

export function uriOf(name: string): string {
  return `mv2://reliability/${name}`;
}

/** A unit vector that a text decides; texts of different documents never have the same. */
export function vectorOf(text: string, model: Model): Float32Array {
  let state = hash(text.split(' ', 1)[0] ?? '') ^ DIMENSIONS[model];
  const vector = Float32Array.from({ length: DIMENSIONS[model] }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 0x8000_0000 - 1;
  });
  const length = Math.hypot(...vector);
  return vector.map((number) => number / length);
}

/** Makes `vectorOf` of each text. */
export function embedderOf(model: Model): {
  spec: 'embedder/v1';
  provider: string;
  model: Model;
  dimensions: number;
  maxBatch: number;
  embed(texts: readonly string[]): Promise<{ vectors: Float32Array[] }>;
} {
  return {
    spec: 'embedder/v1',
    provider: 'reliability',
    model,
    dimensions: DIMENSIONS[model],
    maxBatch: 256,
    async embed(texts) {
      return { vectors: texts.map((text) => vectorOf(text, model)) };
    },
  };
}

function hash(text: string): number {
  let state = 0x811c_9dc5;
  for (let at = 0; at < text.length; at += 1) {
    state = Math.imul(state ^ text.charCodeAt(at), 0x0100_0193) >>> 0;
  }
  // The last letters alone would leave the upper bits alike.
  state ^= state >>> 15;
  return Math.imul(state, 0x2c1b_3c6d) >>> 0;
}
