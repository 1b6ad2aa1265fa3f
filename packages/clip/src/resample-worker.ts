// The thread that scales large pictures. It holds no native code, so it may be ended at any moment.
import { parentPort } from 'node:worker_threads';
// With the name of the source, so that Node runs this file as it is in tests; the build resolves it.
import { type Pixels, resample, type Target } from './resample.ts';

export interface ResampleRequest {
  readonly id: number;
  readonly picture: Pixels;
  readonly target: Target;
}
export interface ResampleReply {
  readonly id: number;
  readonly picture: Pixels;
}

parentPort?.on('message', ({ id, picture, target }: ResampleRequest) => {
  const scaled = resample(picture, target);
  const reply: ResampleReply = { id, picture: scaled };
  parentPort?.postMessage(reply, [scaled.data.buffer as ArrayBuffer]);
});
