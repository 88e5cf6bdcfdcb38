"""The command line: one thin verb for each question. In: words typed. Out: text, JSON, CSV, files, an exit code.

Exit codes: 0 done; 1 a verification that fails; 2 a user's mistake, told in a sentence; 70 a defect of the program;
130 stopped by Ctrl-C; 141 the reader of the output went away. Must not know: any formula. Heavy libraries are imported
inside the verbs.
"""

from edgeofcare.cli.program import main as main
