import type { Handle } from './handle.js';
import { notYet } from './failures.js';

export interface TableInfo {
  table_id: string;
  n_rows: number;
  n_cols: number;
  headers: string[];
  page_start: number;
  page_end: number;
  source_file: string;
  quality: string;
  detection_mode: string;
  frame_id: number;
  row_frame_count: number;
}

/** Kind of the frame that describes a table. */
const TABLE_KIND = 'table_meta';

/** `[]` for a memory without tables. One that holds some is refused, not called empty. */
export async function listTables(handle: Handle): Promise<TableInfo[]> {
  handle.assertOpen('listTables');
  const request = JSON.stringify({ where: { kind: TABLE_KIND } });
  const ids = JSON.parse(
    await handle.read('listTables', (native) => native.selectWhere(request)),
  ) as number[];
  if (ids.length === 0) return [];
  throw notYet(
    'listTables',
    `the memory holds ${ids.length} tables that it cannot read yet`,
    `Read them as text: their frames are ${ids.slice(0, 5).join(', ')}; call \`view(id)\`.`,
  );
}
