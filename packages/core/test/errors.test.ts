import { describe, expect, it } from 'vitest';

import * as core from '../src/index.ts';

const { MemvidError, createError, fromSystemError, getErrorSuggestion, toMemvidError } = core;

interface Row {
  code: core.ErrorCode;
  name: keyof typeof core;
  details?: core.ErrorDetails;
  message?: string;
  /** What the suggestion has to name. */
  suggestion: RegExp;
}

// One row for each line of the contract, and one for each cause where a code has several.
const rows: Row[] = [
  {
    code: 'MV001',
    name: 'CapacityExceededError',
    suggestion: /capacityBytes.*doctor\(\{ vacuum: true \}\)/s,
  },
  { code: 'MV001', name: 'CapacityExceededError', details: { reason: 'disk' }, suggestion: /disk is full/ },
  { code: 'MV001', name: 'CapacityExceededError', details: { reason: 'cards' }, suggestion: /another file/ },
  { code: 'MV002', name: 'TicketInvalidError', suggestion: /not needed/ },
  { code: 'MV003', name: 'TicketReplayError', suggestion: /not needed/ },
  { code: 'MV004', name: 'LexIndexDisabledError', suggestion: /enableLex.*rebuildLexIndex/s },
  { code: 'MV005', name: 'TimeIndexMissingError', suggestion: /rebuildTimeIndex: true/ },
  { code: 'MV006', name: 'VerificationFailedError', suggestion: /verify\(\{ deep: true \}\).*doctor\(\)/s },
  { code: 'MV007', name: 'LockedError', details: { stale: false }, suggestion: /lockTimeoutMs.*lockWho/s },
  { code: 'MV007', name: 'LockedError', details: { stale: true }, suggestion: /force: "stale_only"/ },
  { code: 'MV008', name: 'ApiKeyRequiredError', suggestion: /Local files need no key/ },
  { code: 'MV009', name: 'MemoryAlreadyBoundError', suggestion: /unbindMemory\(\)/ },
  { code: 'MV010', name: 'FrameNotFoundError', details: { frame_id: 7 }, suggestion: /timeline\(\)/ },
  { code: 'MV010', name: 'FrameNotFoundError', details: { table_id: 'x' }, suggestion: /listTables\(\)/ },
  { code: 'MV010', name: 'FrameNotFoundError', details: { session_id: 'x' }, suggestion: /sessionList\(\)/ },
  {
    code: 'MV011',
    name: 'VecIndexDisabledError',
    details: { reason: 'disabled' },
    suggestion: /enableVec: true/,
  },
  { code: 'MV011', name: 'VecIndexDisabledError', details: { reason: 'no_vectors' }, suggestion: /embedder/ },
  { code: 'MV012', name: 'CorruptFileError', details: { section: 'toc' }, suggestion: /doctor\(path\)/ },
  { code: 'MV012', name: 'CorruptFileError', details: { offenders: ['x'] }, suggestion: /[Dd]elete/ },
  { code: 'MV013', name: 'FileNotFoundError', suggestion: /create\(path\).*mode: "auto"/ },
  { code: 'MV013', name: 'FileNotFoundError', details: { reason: 'parent' }, suggestion: /folder/ },
  { code: 'MV014', name: 'VecDimensionMismatchError', suggestion: /embedding_identity/ },
  { code: 'MV015', name: 'EmbeddingFailedError', suggestion: /embedder/ },
  {
    code: 'MV015',
    name: 'EmbeddingFailedError',
    details: { reason: 'missing_key', variable: 'OPENAI_API_KEY' },
    suggestion: /OPENAI_API_KEY/,
  },
  {
    code: 'MV015',
    name: 'EmbeddingFailedError',
    details: { reason: 'offline' },
    suggestion: /MEMVID_OFFLINE/,
  },
  {
    code: 'MV015',
    name: 'EmbeddingFailedError',
    details: { reason: 'mixed_identity' },
    suggestion: /queryEmbeddingModel/,
  },
  {
    code: 'MV015',
    name: 'EmbeddingFailedError',
    details: { reason: 'plugin_missing', package: '@memvid/embed-openai' },
    suggestion: /npm install @memvid\/embed-openai/,
  },
  { code: 'MV016', name: 'EncryptionError', suggestion: /password.*force: true.*unlock/ },
  { code: 'MV016', name: 'EncryptionError', details: { cause: 'encrypted' }, suggestion: /unlock\(/ },
  {
    code: 'MV016',
    name: 'EncryptionError',
    details: { cause: 'empty_password' },
    suggestion: /password.*not blank/,
  },
  { code: 'MV016', name: 'EncryptionError', details: { cause: 'output_exists' }, suggestion: /force: true/ },
  { code: 'MV016', name: 'EncryptionError', details: { cause: 'not_a_capsule' }, suggestion: /lock\(/ },
  { code: 'MV016', name: 'EncryptionError', details: { cause: 'not_a_memory' }, suggestion: /\.mv2/ },
  {
    code: 'MV016',
    name: 'EncryptionError',
    details: { cause: 'wrong_password_or_damaged' },
    suggestion: /password/,
  },
  { code: 'MV016', name: 'EncryptionError', details: { cause: 'damaged' }, suggestion: /Restore/ },
  {
    code: 'MV016',
    name: 'ClipDisabledError',
    details: { reason: 'clip', model: 'mobileclip-s2' },
    suggestion: /npm install.*MEMVID_MODELS_DIR/s,
  },
  { code: 'MV017', name: 'NerModelUnavailableError', suggestion: /npm install.*MEMVID_MODELS_DIR/s },
  { code: 'MV018', name: 'UnsupportedOperationError', suggestion: /info\(\)/ },
  {
    code: 'MV018',
    name: 'UnsupportedOperationError',
    details: { reason: 'owner' },
    suggestion: /owner of the file/,
  },
  {
    code: 'MV018',
    name: 'ReadOnlyError',
    details: { reason: 'read_only' },
    suggestion: /without `readOnly`/,
  },
  { code: 'MV018', name: 'ClosedHandleError', details: { reason: 'closed' }, suggestion: /open\(path\)/ },
  {
    code: 'MV018',
    name: 'PluginMissingError',
    details: { reason: 'plugin_missing', package: '@memvid/documents' },
    suggestion: /npm install @memvid\/documents/,
  },
  {
    code: 'MV018',
    name: 'ModelUnsupportedError',
    details: { reason: 'model' },
    message: "unsupported model 'nobody:x'",
    suggestion: /nvidia:<model>/,
  },
  {
    code: 'MV019',
    name: 'InvalidInputError',
    details: { argument: 'k', received: '0', expected: 'a whole number of at least 1' },
    suggestion: /a whole number of at least 1.*`k`/,
  },
  { code: 'MV020', name: 'MemvidError', suggestion: /create\(path\)/ },
  { code: 'MV021', name: 'MemvidError', suggestion: /open\(path\)/ },
  { code: 'MV022', name: 'MemvidError', suggestion: /leave the call out/ },
  { code: 'MV023', name: 'QuotaExceededError', suggestion: /not metered/ },
  { code: 'MV999', name: 'MemvidError', suggestion: /report it.*info\(\)/s },
];

function nativeError(code: string, message: string, details?: unknown): Error {
  return new Error(JSON.stringify({ code, message, ...(details === undefined ? {} : { details }) }));
}

describe.each(rows)(
  '$code $name $details',
  ({ code, name, details, message = 'it failed at 17', suggestion }) => {
    const error = MemvidError.fromNative(nativeError(code, message, details));

    it('has the class, the name and the code that belong together', () => {
      expect(error).toBeInstanceOf(core[name]);
      expect(error).toBeInstanceOf(MemvidError);
      expect(error.constructor).toBe(core[name]);
      expect(error.name).toBe(name);
      expect(error.code).toBe(code);
      expect(error.stack).toMatch(new RegExp(`^${name}: `));
    });

    it('suggests the next step for its cause', () => {
      expect(error.suggestion).toMatch(suggestion);
    });

    it('shows code, message and suggestion in its formatted message', () => {
      expect(error.formattedMessage).toBe(`[${code}] ${message}\n\nSuggestion: ${error.suggestion}`);
    });

    it('survives the way through JSON', () => {
      const again = MemvidError.fromNative(new Error(JSON.stringify(error)));
      expect(again.constructor).toBe(error.constructor);
      expect(again.toJSON()).toEqual(error.toJSON());
      expect(again.suggestion).toBe(error.suggestion);
    });
  },
);

describe('error codes', () => {
  it('are all covered by the table above', () => {
    expect(new Set(rows.map((row) => row.code))).toEqual(new Set(core.ERROR_CODES));
  });

  it.each(core.ERROR_CODES)('%s has a general suggestion', (code) => {
    expect(getErrorSuggestion(code)).toMatch(/\w/);
  });

  it.each(['MV000', 'MV998', '', 'toString', 'constructor'])('%j has no suggestion', (code) => {
    expect(getErrorSuggestion(code)).toBeNull();
  });
});

describe('MemvidError.fromNative', () => {
  it('keeps details and the cause', () => {
    const cause = nativeError('MV013', 'There is no file a.mv2', { path: 'a.mv2' });
    const error = MemvidError.fromNative(cause);
    expect(error.details).toEqual({ path: 'a.mv2' });
    expect(error.cause).toBe(cause);
  });

  it('keeps the number of a code it does not know', () => {
    const error = MemvidError.fromNative(nativeError('MV042', 'something new'));
    expect(error.code).toBe('MV042');
    expect(error.message).toBe('something new');
    expect(error.suggestion).toBeNull();
    expect(error.formattedMessage).toBe('[MV042] something new');
  });

  it.each([
    ['plain text', 'the pipe broke'],
    ['JSON of something else', '{"a":1}'],
    ['JSON with a code of another project', '{"code":"E42","message":"x"}'],
    ['broken JSON', '{"code":"MV013","mess'],
  ])('makes MV999 of %s and keeps the message', (_, text) => {
    const error = MemvidError.fromNative(new Error(text));
    expect(error.code).toBe('MV999');
    expect(error.message).toBe(text);
  });

  it('leaves out details that are no object', () => {
    expect(MemvidError.fromNative(nativeError('MV012', 'x', [1]))).not.toHaveProperty('details');
  });

  it('gives back an error that is one already', () => {
    const error = new core.LockedError('a.mv2 is locked');
    expect(MemvidError.fromNative(error)).toBe(error);
  });

  it('does not repeat the words of the binding layer', () => {
    const cause = Object.assign(new Error('Failed to convert napi value Null into rust type'), {
      code: 'InvalidArg',
    });
    const error = MemvidError.fromNative(cause);
    expect(error).toBeInstanceOf(core.InvalidInputError);
    expect(error.message).not.toMatch(/napi|rust/i);
  });

  it('keeps the fine cause of an encryption failure apart from its reason', () => {
    const error = MemvidError.fromNative(
      nativeError('MV016', 'x', { reason: 'wrong_password', path: 'a.mv2e' }),
    );
    expect(error.details).toEqual({ reason: 'encryption', cause: 'wrong_password', path: 'a.mv2e' });
  });
});

describe('MemvidError.isMemvidError', () => {
  it('knows an error of another copy of the package', () => {
    const foreign = new Error('x');
    Object.defineProperty(foreign, Symbol.for('@memvid/error'), { value: true });
    expect(foreign).not.toBeInstanceOf(MemvidError);
    expect(MemvidError.isMemvidError(foreign)).toBe(true);
    expect(toMemvidError(foreign)).toBe(foreign);
  });

  it.each([undefined, null, 'MV001', new Error('MV001'), { code: 'MV001' }])('refuses %s', (value) => {
    expect(MemvidError.isMemvidError(value)).toBe(false);
  });
});

describe('fromSystemError', () => {
  it('what is to be left out is asked to be left out', () => {
    const suggestion = (expected: string): string | null =>
      core.invalidInput('embedder', 1, expected).suggestion;
    expect(suggestion('left out when enableVec is false')).toBe(
      'Leave `embedder` out when enableVec is false.',
    );
    expect(suggestion('left out: it is an option of the call')).toBe(
      'Leave `embedder` out: it is an option of the call.',
    );
    expect(suggestion('a string')).toBe('Pass a string as `embedder`.');
  });

  it.each(['ENAMETOOLONG', 'ELOOP', 'ERR_FS_FILE_TOO_LARGE'])('%s is MV019 with the path', (code) => {
    const error = fromSystemError(Object.assign(new Error('x'), { code }), '/a/b');
    expect(error).toBeInstanceOf(core.InvalidInputError);
    expect(error?.message).toContain('/a/b');
  });

  it('a path that is longer than any is not repeated', () => {
    const path = `/tmp/${'x'.repeat(100_000)}`;
    const error = fromSystemError(Object.assign(new Error('x'), { code: 'ENAMETOOLONG' }), path);
    expect(error?.message).toContain('100005 characters');
    expect(JSON.stringify(error).length).toBeLessThan(1000);
  });

  const system = (code: string) => Object.assign(new Error(`${code}: failed`), { code, path: '/data/a.mv2' });

  it.each([
    ['ENOENT', core.FileNotFoundError, 'MV013'],
    ['EISDIR', core.InvalidInputError, 'MV019'],
    ['ENOTDIR', core.InvalidInputError, 'MV019'],
    ['EACCES', core.UnsupportedOperationError, 'MV018'],
    ['EROFS', core.UnsupportedOperationError, 'MV018'],
    ['ENOSPC', core.CapacityExceededError, 'MV001'],
    ['EMFILE', core.UnsupportedOperationError, 'MV018'],
    ['ENFILE', core.UnsupportedOperationError, 'MV018'],
    ['EIO', core.UnsupportedOperationError, 'MV018'],
  ])('maps %s', (number, constructor, code) => {
    const error = fromSystemError(system(number));
    expect(error).toBeInstanceOf(constructor);
    expect(error?.code).toBe(code);
    expect(error?.message).toContain('/data/a.mv2');
    expect(error?.details?.path).toBe('/data/a.mv2');
    expect(error?.suggestion).toMatch(/\w/);
  });

  it('tells what to do about too many open files and a broken disk', () => {
    expect(fromSystemError(system('EMFILE'))?.suggestion).toContain('close()');
    expect(fromSystemError(system('EIO'))?.suggestion).toContain('disk');
  });

  it('marks a full disk', () => {
    expect(fromSystemError(system('ENOSPC'))?.details?.reason).toBe('disk');
  });

  it('knows the path better than the system when it is told', () => {
    expect(fromSystemError(system('ENOENT'), 'notes.mv2')?.message).toContain('notes.mv2');
  });

  it.each([new Error('x'), system('EPIPE'), 'ENOENT', undefined])('leaves %s to the caller', (value) => {
    expect(fromSystemError(value)).toBeUndefined();
  });
});

describe('toMemvidError', () => {
  it('keeps whatever was thrown as the cause', () => {
    const error = toMemvidError('just a string');
    expect(error.code).toBe('MV999');
    expect(error.message).toContain('just a string');
    expect(error.cause).toBe('just a string');
  });

  it('keeps the fields of a metered plan', () => {
    const quota = { limit: 10, used: 11, resetDate: '2026-12-01', planName: 'free' };
    const error = createError('MV023', 'too many', { details: quota });
    expect(error).toMatchObject(quota);
  });
});

describe('values that do not let themselves be read', () => {
  const revoked = Proxy.revocable({}, {});
  revoked.revoke();

  it('become MV999 when they are thrown', () => {
    for (const thrown of [revoked.proxy, Object.create(null), Symbol('x'), undefined]) {
      const error = toMemvidError(thrown);
      expect(error.code).toBe('MV999');
      expect(error.cause).toBe(thrown);
    }
    const odd = Object.assign(new Error('x'), { message: 7 as unknown as string });
    expect(toMemvidError(odd).message).toBe('7');
  });

  it('have no suggestion as codes', () => {
    for (const code of [revoked.proxy, Object.create(null), 7, null, undefined]) {
      expect(getErrorSuggestion(code as string)).toBeNull();
    }
  });
});

describe('messages', () => {
  it.each([
    'sk-proj-abcdefghijklmnopqrstuvwxyz0123456789',
    'ghp_abcdefghijklmnopqrstuvwxyz0123456789',
    'nvapi-abcdefghijklmnopqrstuvwxyz0123456789',
    'pa-abcdefghijklmnopqrstuvwxyz0123456789',
    'AKIAABCDEFGHIJKLMNOP',
  ])('never repeat a key such as %s', (key) => {
    const error = toMemvidError(new Error(`401: the key ${key} is wrong`));
    expect(error.message).toBe('401: the key [secret] is wrong');
    expect(JSON.stringify(error)).not.toContain(key);
    expect(error.formattedMessage).not.toContain(key);
  });

  it('never repeat an authorization header', () => {
    expect(core.withoutSecrets('authorization: Bearer abcdefgh12345')).toBe('authorization: Bearer [secret]');
  });

  it('lose the secrets that are named', () => {
    expect(core.withoutSecrets('password hunter2 is wrong', ['hunter2', ''])).toBe(
      'password [secret] is wrong',
    );
  });
});
