import { isErrorCode, type ErrorCode, type ErrorDetails } from './error-codes.js';

/**
 * What thrown values say, as data: code, message and details. Making an error of the right class from it is the
 * business of `errors.ts`.
 */
export interface Report {
  code: ErrorCode;
  message: string;
  details: ErrorDetails | undefined;
}

/** `code` of what the binding layer itself throws when a value cannot be converted. */
const NATIVE_ARGUMENT_CODES: ReadonlySet<string> = /* @__PURE__ */ new Set([
  'InvalidArg',
  'StringExpected',
  'NumberExpected',
  'BooleanExpected',
  'ObjectExpected',
  'ArrayExpected',
  'FunctionExpected',
]);

/** Whether `value` is an error of this realm; a proxy that does not let itself be asked is none. */
export function isError(value: unknown): value is Error {
  try {
    return value instanceof Error;
  } catch {
    return false;
  }
}

/** Any value as text, the ones too that cannot be made to text. */
export function shown(value: unknown): string {
  try {
    return String(value);
  } catch {
    return `a value of type ${typeof value}`;
  }
}

/** What the engine reports: the message of its errors is JSON of `code`, `message` and `details`. */
export function nativeReport(error: Error): Report | undefined {
  const message = shown(error.message);
  if (!message.startsWith('{')) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(message);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const report = value as { code?: unknown; message?: unknown; details?: unknown };
  if (!isErrorCode(report.code) || typeof report.message !== 'string') return undefined;
  const { details } = report;
  const usable = typeof details === 'object' && details !== null && !Array.isArray(details);
  return {
    code: report.code,
    message: report.message,
    details: usable ? (details as ErrorDetails) : undefined,
  };
}

/** Longest path that is repeated whole; no path of a system that is meant to be one is longer. */
const SHOWN_PATH = 4096;

function briefly(path: string | undefined): string | undefined {
  return path === undefined || path.length <= SHOWN_PATH
    ? path
    : `${path.slice(0, 60)}… (${path.length} characters)`;
}

/** What an error of the operating system means, or `undefined` when it has no meaning of its own. */
export function systemReport(error: unknown, path?: string): Report | undefined {
  if (!isError(error) || !('code' in error)) return undefined;
  const own = 'path' in error && typeof error.path === 'string' ? error.path : undefined;
  const about = briefly(path ?? own);
  const where = about ?? 'the path';
  const details: ErrorDetails = about === undefined ? {} : { path: about };
  const wrongPath = (message: string, expected: string): Report => ({
    code: 'MV019',
    message,
    details: { argument: 'path', received: about, expected, ...details },
  });
  switch (error.code) {
    case 'ENOENT':
      return { code: 'MV013', message: `There is no file or folder ${where}`, details };
    case 'EISDIR':
      return wrongPath(`${where} is a folder`, 'the path of a file');
    case 'ENOTDIR':
      return wrongPath(`A part of ${where} is not a folder`, 'a path whose folders exist');
    case 'ENAMETOOLONG':
      return wrongPath(`The path is too long for this system: ${where}`, 'a shorter path');
    case 'ELOOP':
      return wrongPath(`${where} leads through links that never end`, 'a path that leads to a file');
    case 'ERR_FS_FILE_TOO_LARGE':
      return wrongPath(`${where} is larger than can be read at once`, 'a file of less than 2 GiB');
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return {
        code: 'MV018',
        message: `The system does not allow access to ${where} (${error.code})`,
        details: { ...details, operation: 'access', reason: 'permission' },
      };
    case 'ENOSPC':
    case 'EDQUOT':
      return {
        code: 'MV001',
        message: `The disk has no room left for ${where}`,
        details: { ...details, reason: 'disk' },
      };
    case 'EMFILE':
    case 'ENFILE':
      return {
        code: 'MV018',
        message: `Too many files are open to open ${where} (${error.code})`,
        details: { ...details, operation: 'open', reason: 'descriptors' },
      };
    case 'EIO':
      return {
        code: 'MV018',
        message: `The disk reports an error at ${where}`,
        details: { ...details, operation: 'access', reason: 'device' },
      };
    default:
      return undefined;
  }
}

/** An error nobody reported as data: a refusal of the binding layer, or one that was not foreseen. */
export function unforeseen(error: Error): Report {
  if (NATIVE_ARGUMENT_CODES.has(shown((error as { code?: unknown }).code))) {
    return {
      code: 'MV019',
      message: 'An argument has a type the engine does not accept',
      details: undefined,
    };
  }
  return { code: 'MV999', message: shown(error.message) || 'An error without a message', details: undefined };
}
