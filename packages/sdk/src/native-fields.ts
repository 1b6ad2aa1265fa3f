import type { NativeDocument, NativeFields } from '@memvid/core';

/** The fields of a document as `putAtOnce` takes them. */
export function fieldsInOrder(document: NativeDocument): NativeFields {
  return [
    document.text,
    document.bytes,
    document.searchText,
    document.title,
    document.uri,
    document.kind,
    document.track,
    document.tags,
    document.labels,
    document.timestamp,
    document.metadata,
    document.mime,
    document.filename,
    document.contentDates,
    document.boost,
    document.vector,
    document.vectorIdentity,
    document.picture,
    document.pictureModel,
  ];
}
