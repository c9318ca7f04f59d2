/** A gRPC deadline, which is a time of the machine and of nothing else. */
export function deadlineIn(ms: number): Date {
  return new Date(Date.now() + ms);
}
