import { notYet } from './failures.js';
import type { Handle } from './handle.js';

/** The calls of the contract that reject in this version. */
export type LaterCall =
  | 'memories'
  | 'memoriesStats'
  | 'memoryEntities'
  | 'state'
  | 'enrich'
  | 'addMemoryCards'
  | 'exportFacts'
  | 'sessionStart'
  | 'sessionCheckpoint'
  | 'sessionEnd'
  | 'sessionList'
  | 'sessionReplay'
  | 'sessionDelete';

/** What each waits for, and what can be done instead today. */
const CALLS: Readonly<Record<LaterCall, readonly [what: string, suggestion: string]>> = {
  memories: ['memory cards come with a later one', 'Search the documents with `find(query)`.'],
  memoriesStats: ['memory cards come with a later one', 'Count the documents with `stats()`.'],
  memoryEntities: ['memory cards come with a later one', 'Search the documents with `find(query)`.'],
  state: ['memory cards come with a later one', 'Ask the documents with `ask(question)`.'],
  enrich: ['memory cards come with a later one', 'Search the documents with `find(query)`.'],
  addMemoryCards: [
    'memory cards come with a later one',
    'Store the fact as a document with `put({ text, metadata })`.',
  ],
  exportFacts: ['memory cards come with a later one', 'Read the documents with `timeline()` and `view(id)`.'],
  sessionStart: [
    'recordings come with a later one',
    'See the past of the memory with `asOfFrame` and `asOfTs`.',
  ],
  sessionCheckpoint: [
    'recordings come with a later one',
    'See the past of the memory with `asOfFrame` and `asOfTs`.',
  ],
  sessionEnd: [
    'recordings come with a later one',
    'See the past of the memory with `asOfFrame` and `asOfTs`.',
  ],
  sessionList: [
    'recordings come with a later one',
    'See the past of the memory with `asOfFrame` and `asOfTs`.',
  ],
  sessionReplay: [
    'recordings come with a later one',
    'See the past of the memory with `asOfFrame` and `asOfTs`.',
  ],
  sessionDelete: [
    'recordings come with a later one',
    'See the past of the memory with `asOfFrame` and `asOfTs`.',
  ],
};

export async function refuse(handle: Handle, operation: LaterCall): Promise<never> {
  handle.assertOpen(operation);
  const [what, suggestion] = CALLS[operation];
  throw notYet(operation, what, suggestion);
}
