import type { Row } from './batches.js';
import type { Tensor, TensorInfo } from './session.js';

/** What stands at the place of a token, and behind the last one of a row. */
const CONTENTS: Readonly<Record<string, { own(id: number): number; padding(padId: number): number }>> = {
  input_ids: { own: (id) => id, padding: (padId) => padId },
  attention_mask: { own: () => 1, padding: () => 0 },
  token_type_ids: { own: () => 0, padding: () => 0 },
};

/** Whether {@link tokenInputs} can fill an input of a network. */
export function isTokenInput({ name, type }: TensorInfo): boolean {
  return Object.hasOwn(CONTENTS, name) && (type === 'int64' || type === 'int32');
}

/** The inputs of a network that reads tokens: rows of a batch, each filled up to `width`. */
export function tokenInputs(
  wanted: readonly TensorInfo[],
  batch: readonly Pick<Row, 'ids'>[],
  width: number,
  padId: number,
): Record<string, Tensor> {
  return Object.fromEntries(
    wanted.map(({ name, type }) => {
      const content = CONTENTS[name];
      // A number of 64 bits is two of 32, the lower one first; making each as a BigInt would cost ten times as much.
      const stride = type === 'int64' ? 2 : 1;
      const numbers = new Int32Array(batch.length * width * stride);
      batch.forEach(({ ids }, row) => {
        for (let at = 0; at < width; at += 1) {
          const id = ids[at];
          const value = (id === undefined ? content?.padding(padId) : content?.own(id)) ?? 0;
          numbers[(row * width + at) * stride] = value;
        }
      });
      const dims = [batch.length, width];
      const tensor: Tensor =
        type === 'int64'
          ? { type: 'int64', dims, data: new BigInt64Array(numbers.buffer) }
          : { type: 'int32', dims, data: numbers };
      return [name, tensor];
    }),
  );
}
