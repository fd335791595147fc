declare module 'jstat' {
  /** The part that poolctl uses. */
  const jStat: {
    studentt: {cdf(t: number, degrees_of_freedom: number): number};
  };
  export default {jStat};
}
