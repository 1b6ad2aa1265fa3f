/** Numbers by the name ONNX gives their type. */
export interface TensorData {
  float32: Float32Array;
  float64: Float64Array;
  int8: Int8Array;
  uint8: Uint8Array;
  bool: Uint8Array;
  int32: Int32Array;
  int64: BigInt64Array;
}
export type TensorType = keyof TensorData;

/** Numbers of one type in a shape, row by row. */
export interface Tensor<T extends TensorType = TensorType> {
  readonly type: T;
  readonly dims: readonly number[];
  readonly data: TensorData[T];
}

/** What a network takes or gives; a dimension that may vary has a name instead of a size. */
export interface TensorInfo {
  readonly name: string;
  readonly type: string;
  readonly dims: readonly (number | string)[];
}

export interface RunOptions {
  /** Outputs that are wanted. Default: all. */
  readonly outputs?: readonly string[] | undefined;
  /** Gives up waiting when aborted; what the machine has begun goes on to its end and is thrown away. */
  readonly signal?: AbortSignal | undefined;
}

/** A network that is loaded. */
export interface Session {
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  /** False once it is closed, or lost because what computes it has ended. */
  readonly usable: boolean;
  /** Runs off the event loop. The data of `inputs` is handed over: the caller must not touch it again. */
  run(inputs: Readonly<Record<string, Tensor>>, options?: RunOptions): Promise<Record<string, Tensor>>;
  /** Frees the network. Calling it twice does no harm. */
  close(): Promise<void>;
}

export interface SessionOptions {
  /** Threads of one operation. Default: {@link defaultThreads}. */
  readonly threads?: number | undefined;
  /**
   * Compute with 8-bit kernels where a network has quantised weights, in place of unpacking them to 32 bits when it is loaded.
   * Less memory, but measured slower for short inputs and less exact. Default: false.
   */
  readonly quantisedKernels?: boolean | undefined;
}

/** What runs networks. A second one has to give the same numbers but for rounding. */
export interface Runtime {
  /** Part of what sessions are shared by. */
  readonly name: string;
  /** Loads the network of a file. Rejects with an ordinary error that says what is wrong with it. */
  open(path: string, options: SessionOptions): Promise<Session>;
}
