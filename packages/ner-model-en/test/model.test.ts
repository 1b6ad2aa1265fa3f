import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import manifest from '../package.json' with { type: 'json' };
import { MODEL_FILES, MODEL_NAME, modelFolder } from '../src/index.ts';

describe('the English model', () => {
  it.each(MODEL_FILES)('$name is what its checksum says', ({ name, size, sha256 }) => {
    const bytes = readFileSync(join(modelFolder(), name));
    expect(bytes).toHaveLength(size);
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(sha256);
  });

  it('has no other files, and all of them are published', () => {
    expect(readdirSync(modelFolder()).toSorted()).toEqual(MODEL_FILES.map(({ name }) => name).toSorted());
    expect(manifest.files).toContain('model');
  });

  it('comes with the licence of its authors', () => {
    expect(readFileSync(join(modelFolder(), 'LICENSE'), 'utf8')).toContain('ExplosionAI');
    expect(manifest.license).toBe('MIT');
    expect(MODEL_NAME).toBe('en-core-web-sm');
  });
});
