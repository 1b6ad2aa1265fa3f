// What an installation weighs: the SDK alone, and what each plugin adds. Compares with the table in docs/weights.md;
// `--write` writes it. Looks at what pnpm installed and at what is built, so it needs no network.
import { existsSync, readdirSync, readFileSync, realpathSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { manifests } from './lib/manifests.mjs';
import { CommandError, root, runMain } from './lib/workspace.mjs';

const DOCUMENT = join(root, 'docs/weights.md');
const BEGIN = '<!-- weights -->';
const END = '<!-- /weights -->';
/** How much more than the table an installation may weigh. */
const TOLERANCE = 1.1;

/**
 * @typedef {object} Manifest
 * @property {string} name
 * @property {string[]} [files]
 * @property {boolean} [private]
 * @property {string[]} [cpu]
 * @property {string} [main]
 * @property {Record<string, string>} [dependencies]
 * @property {Record<string, string>} [optionalDependencies]
 */

/**
 * A package with everything that is installed with it: bytes by folder.
 * @typedef {Map<string, number>} Weight
 */

/** @param {string} folder @returns {Manifest} */
function manifestOf(folder) {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
}

/** @param {string} path @returns {number} */
function bytesIn(path) {
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.size;
  return readdirSync(path)
    .filter((name) => name !== 'node_modules')
    .reduce((sum, name) => sum + bytesIn(join(path, name)), 0);
}

/**
 * Bytes of a package as it is published: of ours, what `files` names; of others, all of it.
 * @param {string} folder
 * @param {Manifest} manifest
 */
function ownBytes(folder, manifest) {
  if (!folder.startsWith(join(root, 'packages'))) return bytesIn(folder);
  const listed = [...(manifest.files ?? []), 'package.json', 'README.md'];
  return listed
    .map((name) => join(folder, name))
    .filter((path) => existsSync(path))
    .reduce((sum, path) => sum + bytesIn(path), 0);
}

/**
 * Adds a package and what it depends on. Optional packages that are not here are for other platforms.
 * @param {string} folder real
 * @param {Weight} weight
 */
function add(folder, weight) {
  if (weight.has(folder)) return;
  const manifest = manifestOf(folder);
  // A platform's package without its binary is one of another platform.
  if (manifest.cpu !== undefined && !existsSync(join(folder, manifest.main ?? ''))) return;
  weight.set(folder, ownBytes(folder, manifest));
  for (const name of Object.keys(manifest.dependencies ?? {})) {
    const found = installed(folder, name);
    if (found === undefined) {
      throw new CommandError(`${name}, which ${manifest.name} needs, is not installed`);
    }
    add(found, weight);
  }
  for (const name of Object.keys(manifest.optionalDependencies ?? {})) {
    const found = installed(folder, name);
    if (found !== undefined) add(found, weight);
  }
}

/**
 * Where a package finds another, as Node does.
 * @param {string} from
 * @param {string} name
 */
function installed(from, name) {
  for (let folder = from; folder !== dirname(folder); folder = dirname(folder)) {
    const candidate = join(folder, 'node_modules', name);
    if (existsSync(join(candidate, 'package.json'))) return realpathSync(candidate);
  }
  return undefined;
}

/** @param {Weight} weight */
function megabytes(weight) {
  return [...weight.values()].reduce((sum, bytes) => sum + bytes, 0) / 1e6;
}

/** Rows of the table: name, megabytes, packages. */
function measure() {
  const sdk = new Map();
  add(join(root, 'packages/sdk'), sdk);
  /** @type {[string, number, number][]} */
  const rows = [['`@memvid/sdk`, with core and engine', megabytes(sdk), sdk.size]];
  const plugins = manifests()
    .map((path) => join(root, dirname(path)))
    .filter((folder) => dirname(folder) === join(root, 'packages'))
    .map((folder) => ({ folder, manifest: manifestOf(folder) }))
    .filter(
      ({ manifest }) =>
        manifest.private !== true && !/\/(core|sdk|ner-model-en|onnx|pdf|plugin-kit)$/.test(manifest.name),
    );
  for (const { folder, manifest } of plugins) {
    const weight = new Map();
    add(folder, weight);
    for (const shared of sdk.keys()) weight.delete(shared);
    rows.push([`+ \`${manifest.name}\``, megabytes(weight), weight.size]);
  }
  return rows;
}

/** @param {number} value */
function shown(value) {
  return value < 1 ? value.toFixed(2) : value.toFixed(1);
}

/** @param {string} text */
function tableIn(text) {
  const [, table] = new RegExp(`${BEGIN}\n([\\s\\S]*?)${END}`).exec(text) ?? [];
  if (table === undefined) throw new CommandError(`${DOCUMENT} has no table between ${BEGIN} and ${END}`);
  return new Map(
    [...table.matchAll(/^\| ([^|]+) \| ([\d.]+) \| (\d+) \|$/gm)].map(([, name = '', size, count]) => [
      name,
      { size: Number(size), count: Number(count) },
    ]),
  );
}

await runMain(async () => {
  const rows = measure();
  const text = readFileSync(DOCUMENT, 'utf8');
  if (process.argv.includes('--write')) {
    const lines = rows.map(([name, size, count]) => `| ${name} | ${shown(size)} | ${count} |`);
    const table = ['| Installed | MB | packages |', '|---|---:|---:|', ...lines, ''].join('\n');
    writeFileSync(
      DOCUMENT,
      text.replace(new RegExp(`${BEGIN}\n[\\s\\S]*?${END}`), `${BEGIN}\n${table}${END}`),
    );
    return;
  }
  const table = tableIn(text);
  const wrong = rows.flatMap(([name, size, count]) => {
    const row = table.get(name);
    if (row === undefined) return [`${name} is not in the table`];
    const heavier =
      size > row.size * TOLERANCE + 0.01 ? [`${name} weighs ${shown(size)} MB, not ${row.size}`] : [];
    return count === row.count ? heavier : [...heavier, `${name} brings ${count} packages, not ${row.count}`];
  });
  for (const name of table.keys()) if (!rows.some(([own]) => own === name)) wrong.push(`${name} is not here`);
  for (const [name, size, count] of rows) console.log(`${name}: ${shown(size)} MB, ${count} packages`);
  if (wrong.length > 0) {
    throw new CommandError(
      `docs/weights.md is not true (node scripts/weights.mjs --write mends it):\n${wrong.join('\n')}`,
    );
  }
});
