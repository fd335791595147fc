/** What is wrong with a team's recipe, and where. */
export type Problem = {
  /** As it was found: below the folder that was named. */
  file: string;
  /** From 1. */
  line: number;
  message: string;
};
