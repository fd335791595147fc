declare module 'jstat' {
  /** What poolctl uses of it: distribution functions. */
  const jStat: {
    studentt: {cdf(t: number, degrees_of_freedom: number): number};
  };
  export default {jStat};
}
