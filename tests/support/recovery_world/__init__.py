"""Respot on twins in a hostile world: random schedules, with rules that must hold.

Events are lost, doubled, delayed and reordered; every port fails now and then, before or after it has done its work;
the process dies between any two calls; owners change their minds. `python -m tests.support.recovery_world` plays many.

- What there is, and what is true of it: `world`, with the twins that feed the stream, and what queues carry.
- What happens: `schedule` draws it, from what happens to jobs (`jobs`), what people do (`people`, `policies`) and what
  Respot does about it (`controller`, with what goes wrong around its calls).
- What must hold: `judge`.
- Many of them: `schedule.soak`, and the command line (`__main__`). Hypothesis' state machines run some hundred
  schedules a second at best; a seed repeats a schedule here, without shrinking it.
"""
