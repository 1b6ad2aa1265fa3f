import { invalidInput, type NativeMemory } from '@memvid/core';
import { frameId, optionalBoolean, optionalFilledString, speltOptions } from './check.js';
import type { Handle } from './handle.js';
import { ofNewestVersion } from './newest-version.js';
import type { FrameRef } from './view.js';
import { isEmptyWhere, whereOf, type Where } from './where.js';

/** Which documents go: a filter, a uri prefix, both together, or all. */
export interface RemoveManyInput {
  where?: Where | undefined;
  /** Prefix of the uri. */
  scope?: string | undefined;
  /** Must be `true` to remove everything; a filter that says nothing is refused without it. */
  all?: boolean | undefined;
  /** Say what would go and change nothing. Default `false`. */
  dryRun?: boolean | undefined;
}

export interface RemoveManyResult {
  /** How many documents went, or with `dryRun` would go. Their chunks are not counted. */
  removed: number;
  frame_ids: number[];
  dry_run: boolean;
}

/** Removes a document, its chunks included, and gives the sequence number of the change. */
export async function remove(handle: Handle, id: FrameRef): Promise<number> {
  handle.assertWritable('remove');
  const frame = frameId(id, 'id');
  const { sequence } = await handle.write('remove', (native) =>
    ofNewestVersion(native, 'remove', frame, () => native.remove([frame])),
  );
  return sequence;
}

/** Removes every document that matches, in one transaction. */
export async function removeMany(handle: Handle, selection: RemoveManyInput): Promise<RemoveManyResult> {
  handle.assertOpen('removeMany');
  const options = speltOptions(selection, ['where', 'scope', 'all', 'dryRun'], 'selection');
  const where = whereOf(options['where'], 'where');
  const scope = optionalFilledString(options['scope'], 'scope');
  const all = optionalBoolean(options['all'], 'all', false);
  const dryRun = optionalBoolean(options['dryRun'], 'dryRun', false);
  const narrows = scope !== undefined || (where !== undefined && !isEmptyWhere(where));
  if (!narrows && !all) {
    throw invalidInput(
      'selection',
      'nothing that narrows',
      '{ where } or { scope }, or { all: true } to remove everything',
    );
  }
  if (narrows && all) throw invalidInput('all', true, 'left out when where or scope is given');
  const request = JSON.stringify({ where, scope });
  const select = (native: NativeMemory): number[] => JSON.parse(native.selectWhere(request)) as number[];
  if (dryRun) {
    const ids = await handle.read('removeMany', select);
    return { removed: ids.length, frame_ids: ids, dry_run: true };
  }
  const ids = await handle.write('removeMany', async (native) => removeSelected(native, select));
  return { removed: ids.length, frame_ids: ids, dry_run: false };
}

/** Another process may remove a document between looking and removing: then look again. */
async function removeSelected(
  native: NativeMemory,
  select: (native: NativeMemory) => number[],
): Promise<number[]> {
  const attempts = 5;
  for (let attempt = 1; ; attempt += 1) {
    const ids = select(native);
    if (ids.length === 0) return [];
    try {
      await native.remove(ids);
      return ids;
    } catch (error) {
      const isGone = error instanceof Error && error.message.includes('"MV010"');
      if (!isGone || attempt === attempts) throw error;
      native.refresh();
    }
  }
}
