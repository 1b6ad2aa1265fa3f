/** By what documents are found: words and meaning, the same fused by ranks, or meaning alone. */
export const QUALITY_WAYS = ['hybrid', 'hybrid_rrf', 'meaning'] as const;
export type QualityWay = (typeof QUALITY_WAYS)[number];
