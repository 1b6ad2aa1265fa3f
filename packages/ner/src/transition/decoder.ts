import type { Span } from '../span.js';
import type { Tokens } from './tokenizer.js';

/** Numbers of the network's answer for a token: three slots of hidden units in two pieces. */
export const SLOTS = 3;

/** The part of the model that decides, token by token. */
export interface DecoderWeights {
  /** `B-ORG`, `I-ORG`, `L-ORG`, `U-ORG`, …, `O`. */
  readonly actions: readonly string[];
  readonly hidden: number;
  readonly pieces: number;
  /** What stands in a slot that is empty: slots x hidden x pieces. */
  readonly pad: Float64Array;
  /** hidden x pieces. */
  readonly bias: Float64Array;
  /** actions x hidden. */
  readonly upper: Float64Array;
  readonly upperBias: Float64Array;
}

type Kind = 'B' | 'I' | 'L' | 'U' | 'O';

/** The open entity: its first token and that token's features, its label, and the certainty of what was decided in it. */
interface Open {
  readonly label: string;
  readonly start: number;
  readonly features: Float32Array;
  readonly inside: number;
  readonly last: number;
  sum: number;
  count: number;
}

/**
 * Decides from left to right, and never goes back, what each token is: begin, inside or last of an entity, one by
 * itself, or none. Takes the features of a text in pieces.
 */
export class Decoder {
  readonly #weights: DecoderWeights;
  readonly #tokens: Tokens;
  readonly #width: number;
  /** Actions while no entity is open: with those that do not take white space, and all. */
  readonly #free: Moves;
  readonly #hidden: Float64Array;
  readonly #scores: Float64Array;
  readonly #previous: Float32Array;
  readonly #spans: Span[] = [];
  #open: Open | undefined;
  #at = 0;

  constructor(weights: DecoderWeights, moves: Moves, tokens: Tokens) {
    this.#weights = weights;
    this.#tokens = tokens;
    this.#free = moves;
    this.#width = weights.hidden * weights.pieces;
    this.#hidden = new Float64Array(weights.hidden);
    this.#scores = new Float64Array(weights.actions.length);
    this.#previous = new Float32Array(this.#width * SLOTS);
  }

  /** The entities that have ended so far. */
  get spans(): Span[] {
    return this.#spans;
  }

  /** The next `count` tokens, whose features begin at token `from` of `features`. */
  take(features: Float32Array, from: number, count: number): void {
    const stride = this.#width * SLOTS;
    for (let token = from; token < from + count; token += 1) {
      this.#step(features.subarray(token * stride, (token + 1) * stride));
    }
  }

  #step(features: Float32Array): void {
    const { lexemes, starts } = this.#tokens;
    const at = this.#at;
    this.#at += 1;
    this.#hide(features);
    const isLast = at === lexemes.length - 1;
    const open = this.#open;
    if (open === undefined) {
      const isSpace = lexemes[at]?.isSpace === true;
      const valid = isSpace ? this.#free.none : isLast ? this.#free.atLast : this.#free.all;
      const { action, certainty } = this.#best(valid);
      const { kind, label } = this.#free.parsed[action] ?? NO_ACTION;
      if (kind === 'U') {
        const start = starts[at] ?? 0;
        this.#spans.push({ start, end: this.#endOf(at), label, confidence: certainty });
      } else if (kind === 'B') {
        const [inside = 0, last = 0] = this.#free.inside.get(label) ?? [];
        const own = features.slice();
        this.#open = { label, start: starts[at] ?? 0, features: own, inside, last, sum: certainty, count: 1 };
      }
    } else {
      const { action, certainty } = this.#best(isLast ? [open.last] : [open.inside, open.last]);
      open.sum += certainty;
      open.count += 1;
      if (action === open.last) {
        const { label, start } = open;
        this.#spans.push({ start, end: this.#endOf(at), label, confidence: open.sum / open.count });
        this.#open = undefined;
      }
    }
    if (this.#open !== undefined) this.#previous.set(features);
  }

  #endOf(token: number): number {
    return (this.#tokens.starts[token] ?? 0) + (this.#tokens.lexemes[token]?.text.length ?? 0);
  }

  /** The hidden units of a token: the greater of the pieces of each. */
  #hide(features: Float32Array): void {
    const { hidden, pieces, pad, bias } = this.#weights;
    const units = this.#hidden;
    const width = this.#width;
    const open = this.#open;
    const first: ArrayLike<number> = open?.features ?? pad;
    const previous: ArrayLike<number> = open === undefined ? pad : this.#previous;
    for (let unit = 0, index = 0; unit < hidden; unit += 1) {
      let most = Number.NEGATIVE_INFINITY;
      for (let piece = 0; piece < pieces; piece += 1, index += 1) {
        const sum =
          (features[index] ?? 0) +
          (first[width + index] ?? 0) +
          (previous[2 * width + index] ?? 0) +
          (bias[index] ?? 0);
        if (sum > most) most = sum;
      }
      units[unit] = most;
    }
  }

  /** The best of some actions, and its share among them. */
  #best(valid: readonly number[]): { action: number; certainty: number } {
    const { hidden, upper, upperBias } = this.#weights;
    const units = this.#hidden;
    const scores = this.#scores;
    let action = valid[0] ?? 0;
    let most = Number.NEGATIVE_INFINITY;
    for (const candidate of valid) {
      let score = upperBias[candidate] ?? 0;
      const row = candidate * hidden;
      for (let unit = 0; unit < hidden; unit += 1) score += (upper[row + unit] ?? 0) * (units[unit] ?? 0);
      scores[candidate] = score;
      if (score > most) {
        most = score;
        action = candidate;
      }
    }
    let sum = 0;
    for (const candidate of valid) sum += Math.exp((scores[candidate] ?? 0) - most);
    return { action, certainty: 1 / sum };
  }
}

/** Which actions may be taken when. */
export interface Moves {
  readonly parsed: readonly { readonly kind: Kind; readonly label: string }[];
  /** No entity is open. */
  readonly all: readonly number[];
  /** The same at the last token, where none can begin. */
  readonly atLast: readonly number[];
  /** The same at white space, which is no entity and begins none. */
  readonly none: readonly number[];
  /** Of an open entity's label: to go on, and to end. */
  readonly inside: ReadonlyMap<string, readonly [number, number]>;
}

const NO_ACTION = { kind: 'O', label: '' } as const;

/** Sorts the actions of a model; `undefined` when they do not belong together. */
export function movesOf(actions: readonly string[]): Moves | undefined {
  const parsed = actions.map((action) => {
    const [, kind = 'O', label = ''] = /^([BILU])-(.*)$/.exec(action) ?? [];
    return { kind: kind as Kind, label };
  });
  const among = (kinds: string): number[] =>
    parsed.flatMap(({ kind, label }, index) => {
      // An entity without a label is none.
      const named = kind === 'O' ? actions[index] === 'O' : label !== '';
      return kinds.includes(kind) && named ? [index] : [];
    });
  const inside = new Map<string, readonly [number, number]>();
  for (const index of among('B')) {
    const label = parsed[index]?.label ?? '';
    const on = actions.indexOf(`I-${label}`);
    const last = actions.indexOf(`L-${label}`);
    if (on < 0 || last < 0) return undefined;
    inside.set(label, [on, last]);
  }
  const none = among('O');
  if (none.length !== 1) return undefined;
  return { parsed, all: among('BUO'), atLast: among('UO'), none, inside };
}
