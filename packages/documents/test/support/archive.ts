import { strToU8, zipSync, type Zippable } from 'fflate';

/** A ZIP archive of parts by their names; texts as UTF-8. */
export function archive(parts: Readonly<Record<string, string | Uint8Array>>): Uint8Array {
  const files: Zippable = {};
  for (const [name, content] of Object.entries(parts)) {
    files[name] = typeof content === 'string' ? strToU8(content) : content;
  }
  return zipSync(files, { level: 6 });
}

const TYPES = 'http://schemas.openxmlformats.org/officeDocument/2006/relationships';

/** Relationships: id → type, target. */
export function rels(related: Readonly<Record<string, readonly [type: string, target: string]>>): string {
  const rows = Object.entries(related).map(
    ([id, [type, target]]) => `<Relationship Id="${id}" Type="${TYPES}/${type}" Target="${target}"/>`,
  );
  return xml(
    `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">${rows.join('')}</Relationships>`,
  );
}

export function xml(body: string): string {
  return `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n${body}`;
}

/** What every document of Office has. */
export function office(
  main: string,
  parts: Readonly<Record<string, string>>,
  properties: { readonly title: string; readonly author: string; readonly created: string },
): Uint8Array {
  const { title, author, created } = properties;
  return archive({
    '[Content_Types].xml': xml(
      '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>',
    ),
    '_rels/.rels': rels({
      rId1: ['officeDocument', main],
      rId2: ['metadata/core-properties', 'docProps/core.xml'],
    }),
    'docProps/core.xml': xml(
      `<cp:coreProperties xmlns:cp="c" xmlns:dc="d" xmlns:dcterms="t"><dc:title>${title}</dc:title><dc:creator>${author}</dc:creator><dcterms:created>${created}</dcterms:created></cp:coreProperties>`,
    ),
    ...parts,
  });
}
