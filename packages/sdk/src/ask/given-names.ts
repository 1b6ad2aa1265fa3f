import type { FindHit } from '../find.js';

/** Uris that documents and tables get here when they are given none. */
const MADE_UP = /^mv2:\/\/(?:frames\/\d+$|tables\/)/;

/**
 * What a document is called in the line above its text, as far as somebody called it so: without the numbers of frames, pieces
 * and rows, which the document does not state.
 */
export function givenNames({
  frame_id: id,
  parent_id: parent,
  uri,
  title,
}: Pick<FindHit, 'frame_id' | 'parent_id' | 'uri' | 'title'>): string {
  const isPiece = parent !== null;
  const isMadeUp = MADE_UP.test(uri);
  const place = isMadeUp ? '' : uri.replace(/^mv2:\/\//, '');
  // A document without a title is called what its uri ends in.
  const name = isMadeUp && (title === uri || title === `${id}`) ? '' : title;
  return [
    isPiece ? place.replace(/#page-\d+$/, '') : place,
    isPiece ? name.replace(/ \(page \d+\/\d+\)$/, '') : name,
  ].join(' ');
}
