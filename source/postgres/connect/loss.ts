type Loss = {error: Error | null; listeners: Set<(error: Error) => void>};

const losses = new WeakMap<Promise<Error>, Loss>();

/**
 * Calls `listener` when a connection is lost, immediately if it is already; returns what ends that. One `then` per connection,
 * however many listen: each, and what it holds, stays in memory as long as the connection.
 */
export function onLost(lost: Promise<Error>, listener: (error: Error) => void): () => void {
  const loss = losses.get(lost) ?? watchLoss(lost);
  if (loss.error !== null) listener(loss.error);
  loss.listeners.add(listener);
  return () => loss.listeners.delete(listener);
}

function watchLoss(lost: Promise<Error>): Loss {
  const loss: Loss = {error: null, listeners: new Set()};
  losses.set(lost, loss);
  void lost.then(error => {
    loss.error = error;
    for (const listener of [...loss.listeners]) listener(error);
  });
  return loss;
}
