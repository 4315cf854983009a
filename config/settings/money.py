"""Credits: when grants that end are announced, what comes back of them, when the books are added up.

And the operator's own credits at the providers: when somebody is told about them.
"""

from config.env import env

#: Days before the end of a grant on which those who manage a team's budgets are told of it.
GRANT_END_NOTICE_DAYS = env.list("GRANT_END_NOTICE_DAYS", [14, 3], subcast=int)
#: For how many days credits can be used that were credited back after their grant had ended; 0: for good.
RETURNED_CREDITS_DAYS = env.int("RETURNED_CREDITS_DAYS", 90)
#: Hour of the day (UTC) from which on the ledger is added up, once a day.
LEDGER_CHECK_HOUR = env.int("LEDGER_CHECK_HOUR", 3)
#: Days after a job's end within which a team may ask for the credits of a bad result back.
REFUND_WINDOW_DAYS = env.int("REFUND_WINDOW_DAYS", 14)
#: Corrections of a balance by more credits than this wait for a second operator; 0: none does.
ADJUSTMENT_NEEDS_TWO = env.int("ADJUSTMENT_NEEDS_TWO", 0)
#: Credits of a provider's day that no job explains, above which operators are told by mail.
RECONCILIATION_ALARM_CREDITS = env.int("RECONCILIATION_ALARM_CREDITS", 20)
#: Days that a provider's balance lasts, under which operators are told by mail; 0: never.
BALANCE_LOW_DAYS = env.int("BALANCE_LOW_DAYS", 7)
