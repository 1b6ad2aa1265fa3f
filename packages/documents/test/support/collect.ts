import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc') as () => void;

/** Collects garbage: what memory is taken behind it is held by somebody. */
export function collect(): void {
  gc();
  // Array buffers are given back behind the first, which the second waits for.
  gc();
}
