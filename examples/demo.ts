// The main job on real documents: node examples/demo.ts [FOLDER]
// Puts every text file of a folder into one new .mv2 file, then finds, asks and looks back in time.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { fileURLToPath } from 'node:url';

import { create } from '@memvid/sdk';

import { readDocuments, textFiles } from './demo/documents.ts';
import { bold, count, dim, oneLine, section, size, time, timed } from './demo/print.ts';

type Memory = Awaited<ReturnType<typeof create>>;

const project = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const given = process.argv[2];
const folder = given === undefined ? project : resolve(given);

const files = await textFiles(folder);
if (files.length === 0) {
  console.error(`There are no text files (Markdown, plain text) in ${folder}`);
  process.exit(1);
}

const home = await mkdtemp(join(tmpdir(), 'memvid-demo-'));
const path = join(home, 'demo.mv2');
process.once('SIGINT', () => void rm(home, { recursive: true }).finally(() => process.exit(130)));
try {
  const memory = await create(path);
  const titles = await ingest(memory);
  const topic =
    given === undefined ? 'parse command line options' : (titles[titles.length >> 1] ?? 'contents');
  await find(memory, topic);
  await ask(
    memory,
    given === undefined ? 'How do I publish packages to npm?' : `What is said about ${topic}?`,
  );
  await timeline(memory);
  if (process.stdin.isTTY && process.stdout.isTTY) await converse(memory);
  await memory.close();
} finally {
  await rm(home, { recursive: true, force: true });
}

async function ingest(memory: Memory): Promise<string[]> {
  console.log(`Reading ${count(files.length)} text files of ${folder} into ${path}`);
  const titles: string[] = [];
  async function* documents(): ReturnType<typeof readDocuments> {
    for await (const document of readDocuments(folder, files)) {
      titles.push(document.title);
      yield document;
    }
  }
  const [report, milliseconds] = await timed(() =>
    memory.putMany(documents(), {
      onError: 'report',
      onProgress: ({ processed }) => {
        if (process.stdout.isTTY) process.stdout.write(`\r${dim(`${count(processed)} documents …`)}`);
      },
    }),
  );
  if (process.stdout.isTTY) process.stdout.write('\r\u001B[K');
  if (report.error !== null) throw report.error;
  const stats = await memory.stats();
  section(
    `putMany(${count(report.stored)} documents)`,
    milliseconds,
    `${count((report.stored / milliseconds) * 1000)} documents/s, ${size((stats.logical_bytes / milliseconds) * 1000)}/s, reading the files included`,
  );
  console.log(
    `  ${count(stats.frame_count)} frames, ${size(stats.logical_bytes)} of text in a file of ${size(stats.size_bytes)}`,
  );
  for (const item of report.items) {
    if (item.error !== null) console.log(`  not stored: document ${item.index}: ${item.error.message}`);
  }
  return titles;
}

async function find(memory: Memory, query: string): Promise<void> {
  const [result, milliseconds] = await timed(() => memory.find(query, { k: 5, snippetChars: 160 }));
  section(`find(${JSON.stringify(query)})`, milliseconds, `${count(result.total_hits)} hits`);
  for (const hit of result.hits) {
    console.log(
      `  ${hit.rank}. ${bold(oneLine(hit.title, 50))}  ${dim(`${hit.uri}  score ${hit.score.toFixed(2)}`)}`,
    );
    console.log(`     ${oneLine(hit.snippet)}`);
  }
}

async function ask(memory: Memory, question: string): Promise<void> {
  const [result, milliseconds] = await timed(() => memory.ask(question, { contextOnly: true, k: 4 }));
  section(`ask(${JSON.stringify(question)}, { contextOnly: true })`, milliseconds, `by ${result.retriever}`);
  for (const fragment of result.context_fragments) {
    console.log(`  [${fragment.rank}] ${bold(oneLine(fragment.title, 50))}  ${dim(fragment.uri)}`);
    console.log(`      ${oneLine(fragment.text)}`);
  }
  if (result.follow_up) console.log(`  ${result.follow_up.hint}`);
}

async function timeline(memory: Memory): Promise<void> {
  const [entries, milliseconds] = await timed(() => memory.timeline({ limit: 5, reverse: true }));
  section('timeline({ limit: 5, reverse: true })', milliseconds);
  for (const entry of entries) {
    const day = new Date(entry.timestamp * 1000).toISOString().slice(0, 16).replace('T', ' ');
    console.log(`  ${day}  ${dim(entry.uri)}  ${oneLine(entry.preview, 60)}`);
  }
}

async function converse(memory: Memory): Promise<void> {
  console.log(`\nAsk something about these documents; an empty line ends.`);
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  terminal.on('SIGINT', () => terminal.close());
  terminal.setPrompt('> ');
  terminal.prompt();
  for await (const line of terminal) {
    const question = line.trim();
    if (question === '') break;
    const [result, milliseconds] = await timed(() => memory.ask(question, { k: 4 }));
    console.log(
      `${result.answer ?? result.follow_up?.reason ?? 'Nothing was found.'}\n${dim(`${time(milliseconds)}, grounded: ${result.grounding.label}`)}`,
    );
    for (const source of result.sources) console.log(dim(`  ${source.uri}`));
    terminal.prompt();
  }
  terminal.close();
}
