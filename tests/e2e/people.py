"""People with names and ID numbers that are formally right; nobody real."""

import datetime
import itertools

WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
NAMES = ("张三", "李四", "欧阳娜娜", "阿卜杜·热合曼", "𠮷野", "〇一")

numbers = itertools.count(1)


def check_digit(first17):
    return "10X98765432"[sum(w * int(c) for w, c in zip(WEIGHTS, first17)) % 11]


def id_number(n, region="110105"):
    day = datetime.date(1950, 1, 1) + datetime.timedelta(days=n // 900)
    first17 = "%s%s%03d" % (region, day.strftime("%Y%m%d"), n % 900 + 1)
    return first17 + check_digit(first17)


def person(id_card_number=None):
    """Somebody new: the fields name and id_card_number."""
    n = next(numbers)
    return {"name": NAMES[n % len(NAMES)], "id_card_number": id_card_number or id_number(n)}


def new_openid():
    return "oTester_%020d" % next(numbers)
