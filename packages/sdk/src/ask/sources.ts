import type { FindHit } from '../find.js';

/** Where an answer comes from; the optional fields with `returnSources: true`. */
export interface AskSource {
  frame_id: number;
  uri: string;
  title: string;
  snippet: string;
  score: number;
  /** The number in the citation mark. */
  index?: number;
  tags?: string[];
  labels?: string[];
  chunk_range?: [number, number];
  /** Epoch seconds. */
  frame_timestamp?: number;
  content_dates?: string[];
}

export function sourceOf(hit: FindHit, index: number, isFull: boolean): AskSource {
  const { frame_id, uri, title, snippet, score } = hit;
  const source: AskSource = { frame_id, uri, title, snippet, score };
  if (!isFull) return source;
  return {
    ...source,
    index: index + 1,
    tags: hit.tags,
    labels: hit.labels,
    chunk_range: [0, hit.text.length],
    frame_timestamp: hit.timestamp,
    content_dates: hit.content_dates,
  };
}
