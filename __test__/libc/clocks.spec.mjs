import test from 'ava'
import { prints } from '../guests/run.mjs'

test('the four clocks advance and have a resolution, other clock ids fail with EINVAL', async (t) => {
  await prints(
    t,
    'clocks',
    String(Date.now()),
    `
llabs(apart) < 60000: yes
clock 0
t > before: yes
__wasi_clock_res_get(id, &resolution): ok
resolution > 0 && resolution <= 20000000: yes
clock 1
t > before: yes
back == 0: yes
__wasi_clock_res_get(id, &resolution): ok
resolution > 0 && resolution <= 20000000: yes
clock 2
t > before: yes
back == 0: yes
__wasi_clock_res_get(id, &resolution): ok
resolution > 0 && resolution <= 20000000: yes
clock 3
t > before: yes
back == 0: yes
__wasi_clock_res_get(id, &resolution): ok
resolution > 0 && resolution <= 20000000: yes
now(monotonic) - wall >= 300000000: yes
now(thread_cpu) - cpu < 250000000: yes
now(thread_cpu) <= now(process_cpu): yes
__wasi_clock_time_get(4, 1, &unused): EINVAL
__wasi_clock_res_get(4, &unused): EINVAL
__wasi_clock_time_get(~0u, 1, &unused): EINVAL
clock_gettime(CLOCK_REALTIME, &t): 0
gettimeofday(&v, NULL): 0
v.tv_sec - t.tv_sec < 60 && time(NULL) - t.tv_sec < 60: yes
clock_getres(CLOCK_MONOTONIC, &t): 0
sched_yield(): 0
`,
  )
})
