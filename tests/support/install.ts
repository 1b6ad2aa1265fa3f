import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './places.ts';
import { scratch } from './workspace.ts';

/** An empty folder in which the built packages of the workspace are linked, as if installed. */
export function linkedInstallation(...packages: string[]): string {
  const folder = scratch();
  mkdirSync(join(folder, 'node_modules/@memvid'), { recursive: true });
  for (const name of packages) {
    symlinkSync(join(root, 'packages', name), join(folder, 'node_modules/@memvid', name));
  }
  return folder;
}

/** Packs every publishable package, as `pnpm pack:all` does once everything is built; the paths by package name. */
export function packedPackages(destination: string): Map<string, string> {
  const library = JSON.stringify(join(root, 'scripts/lib/publishable.mjs'));
  const code = `
    const { packAll, publishable } = await import(${library});
    const packages = publishable();
    const tarballs = await packAll(packages, ${JSON.stringify(destination)});
    console.log('\\n' + JSON.stringify(packages.map(({ name }, index) => [name, tarballs[index]])));
  `;
  const run = spawnSync(process.execPath, ['--input-type=module', '-e', code], {
    cwd: root,
    encoding: 'utf8',
  });
  if (run.status !== 0) throw new Error(`packing failed: ${run.stderr}${run.stdout}`);
  return new Map(JSON.parse(run.stdout.trimEnd().split('\n').at(-1) ?? '') as [string, string][]);
}

/** Installs tarballs, and nothing else, into an empty folder: no scripts, no registry. */
export function installedTarballs(tarballs: Iterable<string>): string {
  const folder = scratch();
  writeFileSync(join(folder, 'package.json'), '{ "name": "application", "private": true }');
  const words = ['install', '--ignore-scripts', '--offline', '--no-audit', '--no-fund', ...tarballs];
  const run = spawnSync('npm', words, {
    cwd: folder,
    encoding: 'utf8',
    timeout: 120_000,
    shell: process.platform === 'win32',
    // Nothing that is cached on this machine helps.
    env: { ...process.env, npm_config_cache: join(folder, '.npm') },
  });
  if (run.status !== 0) throw new Error(`npm install failed: ${run.stderr}`);
  return folder;
}

/** A Node of a major version that came with the workspace, or why there is none. */
export function nodeOf(major: 20 | 22 | 24): { path: string; missing: string | undefined } {
  const given = process.env[`MEMVID_NODE_${major}`];
  const own = process.versions.node.startsWith(`${major}.`) ? process.execPath : undefined;
  const path = given ?? own ?? join(root, `tests/node_modules/node${major}/bin/node`);
  const version = existsSync(path)
    ? spawnSync(path, ['--version'], { encoding: 'utf8' }).stdout?.trim()
    : undefined;
  const missing = version?.startsWith(`v${major}.`)
    ? undefined
    : `no Node ${major} (MEMVID_NODE_${major} can name one)`;
  return { path, missing };
}
