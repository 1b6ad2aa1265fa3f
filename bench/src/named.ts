/** The names of a list between commas; a word that is no name is an error. */
export function named<T extends string>(known: readonly T[], words: string): T[] {
  return words.split(',').map((word) => {
    const name = known.find((item) => item === word.trim());
    if (name === undefined) throw new Error(`unknown name ${word}: ${known.join(', ')}`);
    return name;
  });
}
