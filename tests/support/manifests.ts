import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { paper } from './places.ts';

/** A frame as an independent parser read it. */
export interface ManifestFrame {
  id: number;
  role: 'document' | 'document_chunk' | 'extracted_image';
  status: 'active' | 'superseded' | 'deleted';
  uri?: string;
  title?: string;
  timestamp: number;
  kind?: string;
  track?: string;
  tags?: string[];
  labels?: string[];
  extra_metadata?: Record<string, string>;
  parent_id?: number;
  supersedes?: number;
  superseded_by?: number;
  chunk_index?: number;
  chunk_count?: number;
  /** The stored content; `""` when only the search text holds it; absent when it is long or no text. */
  text?: string;
  text_chars?: number;
  payload_length: number;
  /** The first 60 characters. */
  search_text_start?: string;
}

interface PendingRecord {
  op: 'insert' | 'tombstone';
  uri?: string;
  search_text?: string;
}

export interface ContainerFixture {
  name: string;
  file: string;
  expect: {
    unparseable?: string;
    frame_count: number;
    active: number;
    problems: string[];
    frames: ManifestFrame[];
    pending?: PendingRecord[];
  };
}

/** The files of `fixtures/mv2`. */
export function containerFixtures(): ContainerFixture[] {
  const folder = paper('fixtures/mv2');
  if (folder.missing !== undefined) return [];
  const manifest = JSON.parse(readFileSync(join(folder.path, 'MANIFEST.json'), 'utf8')) as {
    files: { file: string; expect: ContainerFixture['expect'] }[];
  };
  return manifest.files.map(({ file, expect }) => ({ name: file, file: join(folder.path, file), expect }));
}

export interface IndexFixture {
  name: string;
  file: string;
  password?: string;
  plaintext_equals_fixture?: string;
  expected?: { frames: number; statuses: string[] | null };
  cli_find?: { query: string; hits?: [frame: number, score: number][]; error?: string }[];
}

/** The files of `fixtures/mv2-index`. */
export function indexFixtures(): IndexFixture[] {
  const folder = paper('fixtures/mv2-index');
  if (folder.missing !== undefined) return [];
  const manifest = JSON.parse(readFileSync(join(folder.path, 'MANIFEST.json'), 'utf8')) as {
    fixtures: Record<string, Omit<IndexFixture, 'name' | 'file'>>;
  };
  return Object.entries(manifest.fixtures).map(([name, fixture]) =>
    Object.assign(fixture, { name, file: join(folder.path, name) }),
  );
}
