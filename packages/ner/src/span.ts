import type { Failure, Runtime } from '@memvid/onnx';

/** A name as a model finds it: place in the text (UTF-16 units, `end` behind the last), label, and how certain it is. */
export interface Span {
  readonly start: number;
  readonly end: number;
  readonly label: string;
  /** 0 to 1. */
  readonly confidence: number;
}

/** What is loaded, and how. */
export interface ModelOptions {
  readonly folder: string;
  /** The file of the network. */
  readonly network: string;
  readonly threads: number | undefined;
  readonly runtime: Runtime | undefined;
  readonly fail: Failure;
}

/** A model that is loaded. */
export interface EntityModel {
  /** Labels it can give, as the model calls them. */
  readonly labels: readonly string[];
  /** False once it is closed or lost. */
  readonly usable: boolean;
  /** The names in a text, in their order; none overlaps another. */
  find(text: string, signal: AbortSignal | undefined): Promise<Span[]>;
  close(): Promise<void>;
}
