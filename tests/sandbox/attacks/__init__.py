"""What a hostile project does. Each function is a payload: it takes what an attacker may know, as a dict of plain
values, and returns what it got hold of; nothing (an empty value) if it got nothing. They run inside boxes.

Payloads go as far as it takes to prove that a thing is possible, and no further: they run in the control without
any sandbox, on the machine of whoever runs the tests. So a signal to everybody is signal 0, a bomb has a cap, and
what is written carries the marker of the test and is removed by it.
"""
