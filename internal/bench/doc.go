/*
Command bench measures userapi. It has three modes.

"make bench" tells how fast the working tree is. It measures userapi next to two baselines,
then while other clients read or change passwords, then with thousands of clients, then with up
to a million users, then while a client searches. The baselines are small servers: constant gives
a constant answer, so it shows what the machine and Echo allow; durable commits one UPDATE for
each request, so it shows what group commit gains. Take this mode for figures to publish, and
before a release. It takes about nine minutes.

"make bench BASE=COMMIT" tells whether the working tree is slower than a commit. It builds
userapi of both, and measures them in turn. Take this mode for each change that could cost
speed. It takes about three minutes. BASE is any revision that git knows, such as HEAD~3; its
userapi must have the present columns of users, and the commands migrate and serve with the
flags that this program gives them.

"make bench DATABASE=postgres://USER@HOST/DATABASE" tells how fast nodes on PostgreSQL are. The
baseline is pgbench, which comes with PostgreSQL: each transaction is one prepared UPDATE of the
table that the nodes have, with as many clients on the same server in the same rounds. The mode
counts what was written after a right had ended, and lists a million users, too. It makes
databases of its own on the server and drops them, so the user must be allowed to do that. It
takes about five minutes.

# How to read the output

A workload is a number of clients, each of which sends its next request when the last one was
answered. All servers and clients share one machine, and one server is under load at a time.
A round measures each workload on each server once; one such measurement is a sample.

The speed of a machine changes from minute to minute, so do not compare the requests/s of two
runs. A ratio divides two samples of the same round, which were taken within seconds of each
other, and the printed ratio is the median over all rounds. 0.90 vs base means nine requests
in the time in which base answers ten.

The spread, two numbers in brackets, is the lower and the upper quartile of these ratios: half
of the rounds were between them. The narrower it is, the more the median means.

With BASE there is a null: the program of base in a second process. Its true ratio to base is
1, so its median and spread show which differences are only noise. If its median is far from
1, or its spread is wide, other work disturbed the run: repeat it.

The CPU time per request is the user and system time of the server, divided by the requests
that it answered. It is steadier than requests/s, because it does not count what the server
waits for.

A verdict is "slower" if the median ratio of requests/s is under 0.90, or if the tree is worse
than base by more than the noise: its upper quartile is below the lower quartile of the null,
and below 1. The same rule applies to the inverse of the ratio of CPU times. Fewer than 14
rounds are too few for a verdict.

# Exit status

0: no verdict is "slower", or there was nothing to compare. 1: a verdict is "slower". 2: the
measurement failed or was interrupted. (make itself exits with 2 for both 1 and 2.)
*/
package main
