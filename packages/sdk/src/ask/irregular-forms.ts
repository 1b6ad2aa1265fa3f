/**
 * English words whose forms no ending tells: a question has “choose” where the text that answers it has “chose”. Behind each
 * word stand its other forms.
 */
const FORMS =
  'begin began begun|break broke broken|bring brought|build built|buy bought|catch caught|child children|' +
  'choose chose chosen|come came|deal dealt|draw drew drawn|drink drank drunk|drive drove driven|eat ate eaten|' +
  'fall fell fallen|feel felt|find found|forget forgot forgotten|get got gotten|give gave given|' +
  'go went gone|grow grew grown|hear heard|hold held|keep kept|know knew known|lead led|leave left|lose lost|' +
  'make made|man men|mean meant|meet met|pay paid|person people|rise rose risen|run ran|say said|see saw seen|' +
  'sell sold|send sent|show shown|sit sat|speak spoke spoken|spend spent|stand stood|' +
  'take took taken|teach taught|think thought|understand understood|use used using|' +
  'wear wore worn|win won|woman women|write wrote written';

/** By a form, the word that stands for all of them. */
export const IRREGULAR_FORMS: ReadonlyMap<string, string> = /* @__PURE__ */ byForm(FORMS);

function byForm(list: string): Map<string, string> {
  const words = new Map<string, string>();
  for (const line of list.split('|')) {
    const [word = '', ...forms] = line.split(' ');
    for (const form of forms) words.set(form, word);
  }
  return words;
}
