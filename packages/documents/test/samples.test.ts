import { documentParserContract, pluginContract } from '@memvid/plugin-kit';
import { describe, expect, it } from 'vitest';
import manifest from '../package.json' with { type: 'json' };
import { documentsPlugin, parse } from '../src/index.ts';
import { office, rels, xml } from './support/archive.ts';
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

it('cells without a value are blank, whatever their type', async () => {
  const blank = '<c t="s"/><c t="s"><v></v></c><c t="b"/><c t="b"><v> </v></c><c><v/></c><c t="str"><v/></c>';
  const data = office(
    'xl/workbook.xml',
    {
      'xl/workbook.xml': xml(
        '<workbook xmlns:r="r"><sheets><sheet name="A" sheetId="1" r:id="r1"/></sheets></workbook>',
      ),
      'xl/_rels/workbook.xml.rels': rels({ r1: ['worksheet', 'a.xml'], r2: ['sharedStrings', 's.xml'] }),
      'xl/s.xml': xml('<sst><si><t>First</t></si></sst>'),
      'xl/a.xml': xml(
        `<worksheet><sheetData><row>${blank}<c t="s"><v>0</v></c><c t="b"><v>0</v></c></row><row>${blank}</row></sheetData></worksheet>`,
      ),
    },
    { title: '', author: '', created: '' },
  );
  expect((await parse({ filename: 'a.xlsx', data })).text).toBe('First\tFALSE');
});

it('the plugin has the version of its package', () => {
  const { name, version } = documentsPlugin();
  expect({ name, version }).toEqual({ name: manifest.name, version: manifest.version });
});

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
