# %% right: a list as text
def counting_questions():
    words = "r strawberry, o dog, e committee, f giraffe, s mississippi, z apple, s grass, o moon"
    words += ", a banana, b bubble, t television, e cheese, x fox"
    return [tuple(each.split()) for each in words.split(", ")]


# %% right: the same words, asked for different letters, as lists
def counting_questions():
    asked = []
    for word, letters in {"banana": "abnz", "mississippi": "misp", "committee": "cetom"}.items():
        asked += [[letter, word] for letter in letters]
    return asked


# %% right: a loop that takes as many of each count
def counting_questions():
    pool = {
        0: ["z cat", "q elephant", "x balloon", "k river"],
        1: ["c cat", "h elephant", "b balloon", "v river"],
        2: ["e elephant", "o balloon", "r river", "t kitten"],
        3: ["a banana", "e cheese", "t tattoo", "r strawberry"],
    }
    found = ()
    for turn in range(4):
        for each in pool.values():
            letter, word = each[turn].split()
            found += ((letter, word),)
    return found


# %% right: a class behind the function
class Questions:
    rows = "a:aardvark n:nanny e:eye p:pepper s:glass i:tin o:zoo l:lily u:cucumber d:sun m:mammal"

    def __iter__(self):
        for row in (self.rows + " g:giggle h:hat").split():
            yield tuple(row.split(":"))


def counting_questions():
    return list(Questions())


# %% wrong: nothing comes back
# says: is there a return
def counting_questions():
    [("r", "strawberry")]


# %% wrong: words without a letter
# says: return a list of pairs of strings
def counting_questions():
    return ["strawberry", "banana", "dog"]


# %% wrong: the word first
# says: the letter first
def counting_questions():
    return [("strawberry", "r"), ("banana", "a")] * 6


# %% wrong: capital letters
# says: in small letters
def counting_questions():
    return [("R", "Strawberry"), ("A", "Banana")] * 6


# %% wrong: one question alone
# says: ask at least 12
def counting_questions():
    return [("r", "strawberry")]


# %% wrong: a letter that comes ten times
# says: no letter may occur more than 9 times
def counting_questions():
    return [("a", "a" * n) for n in range(1, 14)]


# %% wrong: shortcut: the same question twelve times
# says: a question asked again adds nothing
def counting_questions():
    return [("r", "strawberry")] * 12


# %% wrong: shortcut: words that look like the one that went well
# says: a model that says 3 to every question
def counting_questions():
    asked = "r strawberry, a banana, e cheese, t tattoo, e degree, o tobogoon, s assess, e eleven"
    asked += ", p pepper, b bubble, n nanny, r raspberry, a alabama, e between"
    return [tuple(each.split()) for each in asked.split(", ")]


# %% wrong: shortcut: every letter once
# says: a model that says 1 to every question
def counting_questions():
    return [(letter, "planet") for letter in "planet"] + [(letter, "bucket") for letter in "bucket"]


# %% wrong: shortcut: double letters against single ones
# says: a letter stands twice in a row
def counting_questions():
    asked = "o moon, l ball, e tree, s pass, o book, f stuff, b basket, g garden, f flower, k market"
    asked += ", p planet, d window"
    return [tuple(each.split()) for each in asked.split(", ")]


# %% wrong: shortcut: the longer the word, the more of the letter
# says: for the length of the word
def counting_questions():
    return [(letter, letter * n + "x" * n) for letter in "abc" for n in (1, 2, 3, 4)]


# %% wrong: short words once, long words twice
# says: for the length of the word
def counting_questions():
    once = ["c cat", "d dog", "s sun", "m map", "h hat", "b bus"]
    twice = ["e theme", "r arbor", "n union", "t total", "o robot", "i civil"]
    return [tuple(each.split()) for each in once + twice]


# %% wrong: shortcut: twice in long words, once in short ones
# says: says 2 to long words
def counting_questions():
    asked = "o dog, a cat, u bus, o fox, i pig, e hen, i relationships, o photographer, "
    asked += "t distribution, a administrator, r extraordinary, n conversational"
    return [tuple(each.split()) for each in asked.split(", ")]


# %% wrong: shortcut: one letter again and again
# says: says how many letters the word has
def counting_questions():
    return [("a", "a" * n) for n in range(1, 10)] + [("b", "b" * n) for n in (2, 4, 6)]


# %% wrong: shortcut: a letter has the same count in all its words
# says: the same digit for a letter
def counting_questions():
    asked = "a sat, a bag, a chair, b rabbit, b ebb, b lobby, e eleven, e greener, e cheese, "
    asked += "z dog, z moonlight, z chair"
    return [tuple(each.split()) for each in asked.split(", ")]


# %% wrong: shortcut: every letter once or not at all
# says: says 1 if the letter is in the word
def counting_questions():
    words = "c cat, x cat, d dog, x dog, b bird, q bird, h house, v house, t tree, w tree, l leaf"
    return [tuple(each.split()) for each in f"{words}, z leaf".split(", ")]
