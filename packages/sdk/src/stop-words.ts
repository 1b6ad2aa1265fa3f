/** English function words, and what an apostrophe leaves of them: they carry a sentence but not its subject. */
export const STOP_WORDS: ReadonlySet<string> = /* @__PURE__ */ new Set(
  (
    'a about above after again against all also am an and any are as at be because been before being below between ' +
    'both but by can could did do does doing down during each else ever few for from further had has have having he ' +
    'her here hers herself him himself his how i if in into is it its itself just many me might mine more most much ' +
    'must my myself no nor not now of off on once only or other our ours ourselves out over own same shall she should ' +
    'so some such than that the their theirs them themselves then there these they this those through to too under ' +
    'until up upon us very was we were what when where which while who whom whose why will with would you your yours ' +
    'yourself yourselves tell s t ll re ve didn doesn isn aren wasn weren couldn wouldn shouldn haven hasn hadn'
  ).split(' '),
);
