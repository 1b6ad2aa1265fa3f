export interface Document {
  uri: string;
  title: string;
  text: string;
  /** One of `TRACKS`, each holds a tenth of the documents. */
  track: string;
  /** Epoch seconds, one minute after the document before. */
  timestamp: number;
}

const TRACKS = 10;
const FIRST_SECOND = 1_600_000_000;

/** What a document carries beside its text: a track that does not depend on its neighbours', and a time. */
export function placed(index: number): Pick<Document, 'track' | 'timestamp'> {
  return { track: trackOf(index), timestamp: FIRST_SECOND + index * 60 };
}

export function trackOf(index: number): string {
  return `track${(Math.imul(index + 1, 0x9e3779b1) >>> 8) % TRACKS}`;
}
