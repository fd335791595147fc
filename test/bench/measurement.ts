export type Unit = 'ms' | 'MB' | 's/min' | 'kB/min' | 'per refresh' | 'ms per refresh';

/** The state of the server and of the link to it during the measurement. */
export type Condition = 'quiet' | 'saturated' | '50 ms link';

export type Measurement = {
  /** The title of the row in the report. */
  figure: string;
  condition: Condition;
  program: string;
  unit: Unit;
  samples: number[];
  /** One line for each failed sample, with the reason. */
  failures: string[];
};

/** The median; null for no samples. */
export function median(samples: number[]): number | null {
  const sorted = samples.toSorted((a, b) => a - b);
  const [low, high] = [sorted[Math.ceil(sorted.length / 2) - 1], sorted[Math.floor(sorted.length / 2)]];
  return low === undefined || high === undefined ? null : (low + high) / 2;
}

export type Results = {
  add(key: Omit<Measurement, 'samples' | 'failures'>, sample: number | {failure: string}): void;
  /** In the order in which they were first used. */
  all(): Measurement[];
};

/** Collects samples into one measurement for each figure, condition and program. */
export function createResults(): Results {
  const measurements = new Map<string, Measurement>();
  return {
    add(key, sample) {
      const id = JSON.stringify([key.figure, key.condition, key.program]);
      const measurement = measurements.get(id) ?? {...key, samples: [], failures: []};
      measurements.set(id, measurement);
      if (typeof sample === 'number') measurement.samples.push(sample);
      else measurement.failures.push(sample.failure);
    },
    all: () => [...measurements.values()],
  };
}
