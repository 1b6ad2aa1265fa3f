import { documentParserContract, pluginContract } from '@memvid/plugin-kit';
import { describe, expect, it } from 'vitest';
import { documentsPlugin, parse } from '../src/index.ts';
import { SAMPLES, type Sample } from './support/samples.ts';

pluginContract({ describe, it }, { create: () => documentsPlugin() });

describe.each(SAMPLES.map((sample): [string, Sample] => [sample.filename, sample]))(
  '%s',
  (filename, sample) => {
    it('says all its sentences, and nothing that nobody reads', async () => {
      const { text, pages, items, totalItems, tables, ...parsed } = await parse({
        filename,
        data: sample.data,
      });
      for (const sentence of sample.sentences) expect(text).toContain(sentence);
      for (const word of sample.unsaid ?? []) expect(text).not.toContain(word);
      expect(items).toBe(pages);
      expect(totalItems).toBe(sample.pages ?? 1);
      if (sample.tables !== undefined) expect(tables).toHaveLength(sample.tables);
      const { title, author, created } = sample;
      if (title !== undefined) expect(parsed.title).toBe(title);
      if (author !== undefined) expect(parsed.author).toBe(author);
      if (created !== undefined) expect(parsed.created).toBe(created);
      const { warnings } = sample;
      if (warnings === undefined) return;
      expect(parsed.warnings).toHaveLength(warnings.length);
      for (const [at, warning] of warnings.entries()) expect(parsed.warnings[at]).toMatch(warning);
    });
  },
);

const endingOf = ({ filename }: Sample): string => filename.slice(filename.lastIndexOf('.') + 1);
for (const ending of new Set(SAMPLES.map(endingOf))) {
  const samples = SAMPLES.filter((sample) => endingOf(sample) === ending);
  documentParserContract(
    { describe, it },
    {
      name: `the parser of .${ending}`,
      create: async () => {
        const factory = documentsPlugin().documentParsers[ending];
        if (factory === undefined) throw new Error(`no parser of .${ending}`);
        return factory();
      },
      documents: samples.map(({ filename, data, sentences, pages, tables }) => ({
        source: { filename, data },
        sentences,
        pages,
        tables,
      })),
      takesAnything: ['txt', 'md', 'json', 'csv', 'tsv'].includes(ending),
    },
  );
}
