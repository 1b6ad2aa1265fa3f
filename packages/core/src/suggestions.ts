import type { ErrorCode, ErrorDetails } from './error-codes.js';

/** The next step for each code when nothing more is known about the cause. */
const GENERAL: Readonly<Record<ErrorCode, string>> = {
  MV001:
    'Raise `capacityBytes` when opening, or free space with `remove(id)` followed by `doctor({ vacuum: true })`.',
  MV002: 'Tickets are not needed here: local files have no paid tier. Remove the call.',
  MV003: 'Tickets are not needed here: local files have no paid tier. Remove the call.',
  MV004:
    'Build the lexical index with `enableLex()`, open with `enableLex: true`, or run `doctor({ rebuildLexIndex: true })`.',
  MV005: 'Rebuild the time index with `doctor({ rebuildTimeIndex: true })`.',
  MV006: 'See what failed with `verify({ deep: true })`, then repair with `doctor()`.',
  MV007:
    'Wait and call again, raise `lockTimeoutMs`, or see who is writing with `lockWho(path)`; `force: "stale_only"` only takes over a lock whose owner is gone.',
  MV008: 'Local files need no key: leave `memvidApiKey` and `apiKey` out.',
  MV009: 'Call `unbindMemory()` first.',
  MV010: 'List what the memory holds with `timeline()`, `listTables()` or `sessionList()`.',
  MV011: 'Open with `enableVec: true`, and store documents with an `embedder` or `enableEmbedding: true`.',
  MV012:
    'Restore the file from a copy, or repair it with `use.doctor(path)`; `open(path, { salvage: true })` reads what is left of it.',
  MV013: 'Make a new memory with `create(path)` or `mode: "auto"`, or correct the path.',
  MV014:
    'Use the model the file was written with (`embedding_identity` in the answer of `stats()`), or give every document a vector of another with `reembed({ embedder })`.',
  MV015:
    'Pass an `embedder` (or a vector as `queryEmbedding`), or install a plugin such as `npm install @memvid/embed-local`.',
  MV016:
    'Check the password; pass `force: true` to replace an existing output; open a capsule with `unlock(path, { password })` first.',
  MV017:
    'Install the plugin with `npm install @memvid/ner`, and put the model files where `MEMVID_MODELS_DIR` points.',
  MV018: 'Check the answer of `info()` for what this installation can do.',
  MV019: 'Correct the argument named in the message: `details.expected` says what is accepted.',
  MV020: 'There is no control plane in this project: use a local file with `create(path)`.',
  MV021: 'There is no control plane in this project: use a local file with `open(path)`.',
  MV022: 'There is no control plane in this project: leave the call out.',
  MV023: 'Queries are not metered here: leave the limit out.',
  MV999:
    'This is a fault of the library: report it with the message, the `cause` and the answer of `info()`.',
};

/** What to do about `code`, or `null` when the code is not one of this project's. */
export function getErrorSuggestion(code: string): string | null {
  return typeof code === 'string' && Object.hasOwn(GENERAL, code) ? GENERAL[code as ErrorCode] : null;
}

/** The next step for this very failure: the cause in `details` decides where a code has several. */
export function suggestionFor(
  code: string,
  details: ErrorDetails | undefined,
  message: string,
): string | null {
  return specific(code, details ?? {}, message) ?? getErrorSuggestion(code);
}

function specific(code: string, details: ErrorDetails, message: string): string | undefined {
  switch (code) {
    case 'MV001':
      return noRoom(details);
    case 'MV007':
      return details.stale === true
        ? 'The owner is gone: open with `force: "stale_only"`, or clear the lock with `lockNudge(path)`.'
        : undefined;
    case 'MV010':
      return missingFrame(details, message);
    case 'MV011':
      return noVectors(details, message);
    case 'MV012':
      return damaged(details);
    case 'MV013':
      return missingFile(details);
    case 'MV015':
      return noEmbedding(details);
    case 'MV016':
      return encryption(details);
    case 'MV018':
      return unsupported(details, message);
    case 'MV019':
      return badInput(details);
    default:
      return undefined;
  }
}

function noRoom(details: ErrorDetails): string | undefined {
  switch (details.reason) {
    case 'disk':
      return 'The disk is full: free space on it, or keep the memory on another one.';
    case 'cards':
      return 'Keep long texts as documents (`put`) and name their frames in `sourceFrameId`, or use another file for more cards.';
    default:
      return undefined;
  }
}

function missingFrame(details: ErrorDetails, message: string): string | undefined {
  if (details.table_id !== undefined || /table/i.test(message)) {
    return 'See the tables of this memory with `listTables()`.';
  }
  if (details.session_id !== undefined || /recording|session/i.test(message)) {
    return 'See the recordings of this memory with `sessionList()`.';
  }
  return 'See the frames of this memory with `timeline()`.';
}

function noVectors(details: ErrorDetails, message: string): string {
  return details.reason === 'disabled' || /enableVec/.test(message)
    ? 'Open the memory again with `enableVec: true`.'
    : 'Store documents with an `embedder` or `enableEmbedding: true` first, or search with `mode: "lex"`.';
}

function damaged(details: ErrorDetails): string | undefined {
  if (details.reason === 'nothing_to_rescue') {
    return 'Restore the file from a copy; when there is none, delete it and make a new memory with `create(path)`.';
  }
  if (details.reason === 'not_a_memory') {
    return 'Correct the path, or delete the file first when it is not needed.';
  }
  return Array.isArray(details.offenders)
    ? 'Delete the files in `details.offenders` after checking that no other program needs them.'
    : undefined;
}

function missingFile(details: ErrorDetails): string | undefined {
  switch (details.reason) {
    case 'parent':
      return 'Make the folder first, or correct the path.';
    case 'input':
      return 'Correct the path: there is no file.';
    default:
      return undefined;
  }
}

const OF_THE_EMBEDDER =
  'The embedder does not keep its contract: see `cause`, and check it with the suites of `@memvid/plugin-kit`.';

const UNREACHED =
  'Check the network and the address (`baseURL`), and call again; a larger `timeoutMs` gives slow services more time.';

/** An object has its own key; of one that is named the call may bring it. */
const MODEL_KEY = '`apiKey` to the model (of a model that is named: `modelApiKey`)';

function keyRefused(variable: unknown, option: string): string {
  return typeof variable === 'string'
    ? `The service does not accept the key: correct ${variable}, or pass another ${option}.`
    : `The service does not accept the key: pass another ${option}.`;
}

function noEmbedding(details: ErrorDetails): string | undefined {
  const { variable, package: packageName } = details;
  switch (details.reason) {
    case 'missing_key':
      return typeof variable === 'string'
        ? `Set the environment variable ${variable}, or pass \`apiKey\` to the provider.`
        : 'Pass `apiKey` to the provider.';
    case 'key_refused':
      return keyRefused(variable, '`apiKey`');
    case 'connection':
    case 'timeout':
      return UNREACHED;
    case 'http':
      return details.retryable === true
        ? 'The service is busy or out of order: call again later, or with fewer texts at a time.'
        : 'Correct what the service names in the message: the model, its options or the texts.';
    case 'not_finite':
    case 'empty':
    case 'zero_vector':
      if (details.provider === undefined) {
        return 'Pass a vector of finite numbers, at least one of them not 0, or none.';
      }
      return OF_THE_EMBEDDER;
    case 'provider':
      return 'Correct what the message names: it is what the embedder itself threw, and stands whole in `cause`.';
    case 'malformed':
    case 'wrong_count':
      return OF_THE_EMBEDDER;
    case 'empty_text':
      return 'Leave texts without a visible character out, or store them without an embedder.';
    case 'offline':
      return 'Unset MEMVID_OFFLINE to allow the request, or use a local embedder: `npm install @memvid/embed-local`.';
    case 'mixed_identity':
      return 'The file holds vectors of several models: say which one with `queryEmbeddingModel`, or pass `queryEmbedding`.';
    case 'unknown_identity':
      return 'The file does not say which model made its vectors: pass `queryEmbedding`, `embedder` or `queryEmbeddingModel`.';
    default:
      return typeof packageName === 'string' ? `Install it: npm install ${packageName}` : undefined;
  }
}

const ENCRYPTION: Readonly<Record<string, string>> = {
  encrypted: 'Decrypt it first with `unlock(path, { password })`, then open the result.',
  empty_password: 'Pass a `password` that is not blank.',
  output_exists: 'Pass `force: true` to replace it, or choose another `output`.',
  not_a_capsule: 'Pass a capsule made by `lock(path, { password })`; a plain memory needs no `unlock`.',
  not_a_memory: 'Pass the path of an `.mv2` memory as `path`.',
  wrong_password_or_damaged:
    'Pass the `password` the capsule was made with; if it is the right one, restore the capsule from a copy.',
  damaged: 'Restore the capsule from a copy, or make a new one with `lock(path, { password })`.',
};

function encryption(details: ErrorDetails): string | undefined {
  if (details.reason === 'clip') {
    return 'Install the plugin with `npm install @memvid/clip`, and put the model files where `MEMVID_MODELS_DIR` points.';
  }
  const cause = String(details.cause);
  return Object.hasOwn(ENCRYPTION, cause) ? ENCRYPTION[cause] : undefined;
}

function unsupported(details: ErrorDetails, message: string): string | undefined {
  const { variable, package: packageName } = details;
  switch (details.reason) {
    case 'read_only':
      return 'Open the memory again without `readOnly`.';
    case 'closed':
      return 'Open the memory again with `open(path)`.';
    case 'aborted':
      return 'The signal that was passed ended the call: call again with a signal that is not aborted.';
    case 'hard_link':
      return 'Remove the other names of the file, or copy it to a name of its own.';
    case 'permission':
      return 'Change the permissions of the path, or open it with `readOnly: true` when reading is allowed.';
    case 'owner':
      return 'Let the owner of the file, or root, make this call; or keep the file in a folder of its group, and let the group do what the owner may (`chmod g+rw`).';
    case 'descriptors':
      return 'Close memories with `close()` that are not needed any more, or raise the limit on open files of the process.';
    case 'memory':
      return 'The process may not have more memory, or map more of files: raise the limit on it (`ulimit -v`), or close what is not needed.';
    case 'device':
      return 'What the path leads to cannot be mapped, or the disk or its file system is out of order: check it, then the file with `verifyMemvid(path, { deep: true })`.';
    case 'offline':
      return 'Unset MEMVID_OFFLINE to allow the request, or pass `contextOnly: true`.';
    case 'missing_key':
      return typeof variable === 'string'
        ? `Set the environment variable ${variable}, or pass ${MODEL_KEY}.`
        : `Pass ${MODEL_KEY}.`;
    case 'key_refused':
      return keyRefused(variable, MODEL_KEY);
    case 'connection':
    case 'timeout':
      return UNREACHED;
    case 'http':
      return details.retryable === true
        ? 'The service is busy or out of order: call again later.'
        : 'Correct what the service names in the message: the model, its options, or less context with `llmContextChars`.';
    case 'cut_off':
      return 'Call again: the connection to the service broke.';
    case 'malformed':
      return 'The language model does not keep its contract: see `cause`, and check it with the suites of `@memvid/plugin-kit`.';
    case 'provider':
      return 'Correct what the message names: it is what the language model itself threw, and stands whole in `cause`.';
    default:
  }
  if (typeof packageName === 'string') return `Install it: npm install ${packageName}`;
  if (/readOnly|read-only/.test(message)) return 'Open the memory again without `readOnly`.';
  if (/unsupported model/.test(message)) {
    return 'Pass a language model object, a name such as `"nvidia:<model>"`, or `contextOnly: true` for an answer without a model.';
  }
  return undefined;
}

function badInput(details: ErrorDetails): string | undefined {
  const { argument, expected } = details;
  if (typeof argument !== 'string' || typeof expected !== 'string') return undefined;
  const leftOut = /^left out\b/.exec(expected)?.[0];
  return leftOut === undefined
    ? `Pass ${expected} as \`${argument}\`.`
    : `Leave \`${argument}\` out${expected.slice(leftOut.length)}.`;
}
