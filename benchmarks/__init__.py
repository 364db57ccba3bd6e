"""Benchmarks: every timing of the README, and long checks that the test suite runs in a short form.

training        training step, recorder, memory
shares          shares of the floor by shape
measures        measures of a whole history
long_history    a history larger than memory
library         a thousand runs listed
app             histories to time the app on
original        the published procedure: transformers' Trainer
app_visits      the app, timed from outside
visitor         a visitor on a raw websocket
screen          a visitor with a browser
served          the app, started and watched
walkthrough     the README's pictures
accelerator     laws and speed of the device that training runs on
damage          random damage to runs
faults          ways to damage a file
kills           runs killed and resumed
outputs         all that users can get, as hashes: two versions compared
"""
