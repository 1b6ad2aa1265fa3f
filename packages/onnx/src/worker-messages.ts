import type { Tensor, TensorInfo } from './session.js';

/** Places in the memory that both threads see. */
export const ENDING = 0;
export const BUSY = 1;

/** How a network is to be loaded, nothing left open. */
interface Settings {
  readonly threads: number;
  readonly quantisedKernels: boolean;
}

/** What the thread that computes is asked. */
export type Request =
  | { readonly kind: 'open'; readonly path: string; readonly options: Settings }
  | {
      readonly kind: 'run';
      readonly session: number;
      readonly inputs: Readonly<Record<string, Tensor>>;
      readonly outputs: readonly string[];
    }
  | { readonly kind: 'close'; readonly session: number };

export interface Opened {
  readonly session: number;
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
}

export type Answer = Opened | Record<string, Tensor> | undefined;

export interface RequestMessage {
  readonly id: number;
  readonly request: Request;
}
export type ReplyMessage =
  | { readonly id: number; readonly answer: Answer }
  | { readonly id: number; readonly error: { readonly message: string; readonly code: string | undefined } };
