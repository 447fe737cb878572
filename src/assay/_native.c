/* The inner loops of one row, for releases that answer single requests: terms of a text, its statistics, linear sums and
 * trees; and two of a batch: ids of rows and powers of e. Every function has its twin in Python, which is used where this
 * module was not built; both do the same operations in the same order, so they give the same bits (compile without
 * contraction of floating-point operations).
 *
 * Text is taken here only where it is ASCII; the callers keep everything else.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#define FEW 64          /* up to so many terms come as lists, more as packed numbers */
#define COUNTS 256      /* counts above 255 weigh like 255 */
#define ON_STACK 1024

static unsigned char WORD[256], SPACE[256], LOWER[256];

static void fill_classes(void) {
    for (int c = 0; c < 256; c++) {
        int upper = c >= 'A' && c <= 'Z';
        LOWER[c] = (unsigned char)(upper ? c + 32 : c);
        WORD[c] = upper || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
        SPACE[c] = (c >= 9 && c <= 13) || (c >= 28 && c <= 32);
    }
}

/* ---- a growing list of positions ---------------------------------------------------------------------------------- */

typedef struct {
    int64_t *items;
    Py_ssize_t size, room;
    int64_t first[ON_STACK];
} Positions;

static void positions_init(Positions *p) {
    p->items = p->first;
    p->size = 0;
    p->room = ON_STACK;
}

static void positions_free(Positions *p) {
    if (p->items != p->first) PyMem_Free(p->items);
}

static int positions_add(Positions *p, int64_t value) {
    if (p->size == p->room) {
        int64_t *more = PyMem_Malloc(2 * (size_t)p->room * sizeof(int64_t));
        if (!more) {
            PyErr_NoMemory();
            return -1;
        }
        memcpy(more, p->items, (size_t)p->size * sizeof(int64_t));
        positions_free(p);
        p->items = more;
        p->room *= 2;
    }
    p->items[p->size++] = value;
    return 0;
}

/* Radix sort, a byte a pass; short lists by insertion. */
static int positions_sort(Positions *p, int64_t largest) {
    Py_ssize_t n = p->size;
    int64_t *from = p->items;
    if (n <= FEW) {
        for (Py_ssize_t i = 1; i < n; i++) {
            int64_t value = from[i];
            Py_ssize_t j = i;
            for (; j > 0 && from[j - 1] > value; j--) from[j] = from[j - 1];
            from[j] = value;
        }
        return 0;
    }
    int64_t *scratch = PyMem_Malloc((size_t)n * sizeof(int64_t)), *to = scratch;
    if (!scratch) {
        PyErr_NoMemory();
        return -1;
    }
    for (int shift = 0; shift < 64 && (largest >> shift) > 0; shift += 8) {
        Py_ssize_t at[256] = {0}, sum = 0;
        for (Py_ssize_t i = 0; i < n; i++) at[(from[i] >> shift) & 255]++;
        for (int b = 0; b < 256; b++) {
            Py_ssize_t count = at[b];
            at[b] = sum;
            sum += count;
        }
        for (Py_ssize_t i = 0; i < n; i++) to[at[(from[i] >> shift) & 255]++] = from[i];
        int64_t *swap = from;
        from = to;
        to = swap;
    }
    if (from != p->items) memcpy(p->items, from, (size_t)n * sizeof(int64_t));
    PyMem_Free(scratch);
    return 0;
}

/* ---- a table of terms --------------------------------------------------------------------------------------------- */

#define HASH_START 14695981039346656037ULL
#define HASH_STEP(hash, byte) (((hash) ^ (byte)) * 1099511628211ULL)

typedef struct {
    uint64_t hash;
    uint32_t start, length;
    int64_t position; /* -1: empty */
} Slot;

typedef struct {
    Slot *slots;
    uint64_t mask;
    char *text;
} Table;

static void table_free(Table *table) {
    PyMem_Free(table->slots);
    PyMem_Free(table->text);
    table->slots = NULL;
    table->text = NULL;
}

static inline uint64_t place_of(uint64_t hash, uint64_t mask) { return (hash ^ (hash >> 29)) & mask; }

static int64_t table_find(const Table *table, const char *term, size_t length, uint64_t hash) {
    for (uint64_t at = place_of(hash, table->mask);; at = (at + 1) & table->mask) {
        const Slot *slot = &table->slots[at];
        if (slot->position < 0) return -1;
        if (slot->hash == hash && slot->length == length && !memcmp(table->text + slot->start, term, length))
            return slot->position;
    }
}

/* `terms` are str; those that are not ASCII never stand in an ASCII text and are left out. */
static int table_fill(Table *table, PyObject *terms, int64_t offset) {
    Py_ssize_t count = PySequence_Fast_GET_SIZE(terms), bytes = 0;
    uint64_t slots = 16;
    while (slots < 2 * (uint64_t)count) slots *= 2;
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *term = PySequence_Fast_GET_ITEM(terms, i);
        if (!PyUnicode_Check(term)) {
            PyErr_SetString(PyExc_TypeError, "a term is not a str");
            return -1;
        }
        if (PyUnicode_IS_ASCII(term)) bytes += PyUnicode_GET_LENGTH(term);
    }
    if ((uint64_t)bytes > UINT32_MAX) {
        PyErr_SetString(PyExc_ValueError, "the terms are too long");
        return -1;
    }
    table->slots = PyMem_Malloc(slots * sizeof(Slot));
    table->text = PyMem_Malloc((size_t)bytes + 1);
    if (!table->slots || !table->text) {
        PyErr_NoMemory();
        return -1;
    }
    table->mask = slots - 1;
    for (uint64_t at = 0; at < slots; at++) table->slots[at].position = -1;
    uint32_t start = 0;
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *term = PySequence_Fast_GET_ITEM(terms, i);
        if (!PyUnicode_IS_ASCII(term)) continue;
        const char *text = (const char *)PyUnicode_1BYTE_DATA(term);
        uint32_t length = (uint32_t)PyUnicode_GET_LENGTH(term);
        uint64_t hash = HASH_START;
        for (uint32_t k = 0; k < length; k++) hash = HASH_STEP(hash, (unsigned char)text[k]);
        uint64_t at = place_of(hash, table->mask);
        while (table->slots[at].position >= 0) at = (at + 1) & table->mask;
        table->slots[at] = (Slot){hash, start, length, offset + i};
        memcpy(table->text + start, text, length);
        start += length;
    }
    return 0;
}

/* ---- TermCounter: the terms of a text and their weights ----------------------------------------------------------- */

typedef struct {
    PyObject_HEAD
    Table words, characters;
    int words_from, words_to, characters_from, characters_to; /* lengths of n-grams; a `to` of 0: none */
    int normed;
    Py_ssize_t size, boundary; /* all terms; those of words */
    double *idf;
    double weights[COUNTS];
} TermCounter;

static void counter_dealloc(TermCounter *self) {
    table_free(&self->words);
    table_free(&self->characters);
    PyMem_Free(self->idf);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static int read_doubles(PyObject *given, double *into, Py_ssize_t expected, const char *what) {
    PyObject *items = PySequence_Fast(given, what);
    if (!items) return -1;
    if (PySequence_Fast_GET_SIZE(items) != expected) {
        Py_DECREF(items);
        PyErr_SetString(PyExc_ValueError, what);
        return -1;
    }
    for (Py_ssize_t i = 0; i < expected; i++) into[i] = PyFloat_AsDouble(PySequence_Fast_GET_ITEM(items, i));
    Py_DECREF(items);
    return PyErr_Occurred() ? -1 : 0;
}

static int counter_init(TermCounter *self, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"word_terms", "character_terms", "words", "characters", "idf", "weights", "normed", NULL};
    PyObject *word_terms, *character_terms, *idf, *weights;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!O!(ii)(ii)OOp", names, &PyTuple_Type, &word_terms, &PyTuple_Type,
                                     &character_terms, &self->words_from, &self->words_to, &self->characters_from,
                                     &self->characters_to, &idf, &weights, &self->normed))
        return -1;
    table_free(&self->words);
    table_free(&self->characters);
    PyMem_Free(self->idf);
    self->boundary = PyTuple_GET_SIZE(word_terms);
    self->size = self->boundary + PyTuple_GET_SIZE(character_terms);
    self->idf = PyMem_Malloc(((size_t)self->size + 1) * sizeof(double));
    if (!self->idf) {
        PyErr_NoMemory();
        return -1;
    }
    if (read_doubles(idf, self->idf, self->size, "idf: one number a term")) return -1;
    if (read_doubles(weights, self->weights, COUNTS, "weights: one number a count from 0 to 255")) return -1;
    if (table_fill(&self->words, word_terms, 0)) return -1;
    return table_fill(&self->characters, character_terms, self->boundary);
}

/* Words, as they follow each other, with one blank between; n-grams are slices of that. */
static int add_words(const TermCounter *self, Positions *found, const unsigned char *text, Py_ssize_t length,
                     char *joined, uint32_t *ends) {
    Py_ssize_t words = 0, size = 0;
    for (Py_ssize_t i = 0; i < length;) {
        if (!WORD[text[i]]) {
            i++;
            continue;
        }
        if (size) joined[size++] = ' ';
        for (; i < length && WORD[text[i]]; i++) joined[size++] = (char)LOWER[text[i]];
        ends[words++] = (uint32_t)size;
    }
    for (Py_ssize_t first = 0; first < words; first++) {
        uint32_t start = first ? ends[first - 1] + 1 : 0, at = start;
        uint64_t hash = HASH_START;
        for (int n = 1; n <= self->words_to && first + n <= words; n++) {
            uint32_t end = ends[first + n - 1];
            for (; at < end; at++) hash = HASH_STEP(hash, (unsigned char)joined[at]);
            if (n < self->words_from) continue;
            int64_t position = table_find(&self->words, joined + start, end - start, hash);
            if (position >= 0 && positions_add(found, position)) return -1;
        }
    }
    return 0;
}

/* Each chunk between white space, with one blank on either side. */
static int add_characters(const TermCounter *self, Positions *found, const unsigned char *text, Py_ssize_t length,
                          char *padded) {
    for (Py_ssize_t i = 0; i < length;) {
        if (SPACE[text[i]]) {
            i++;
            continue;
        }
        Py_ssize_t size = 0;
        padded[size++] = ' ';
        for (; i < length && !SPACE[text[i]]; i++) padded[size++] = (char)LOWER[text[i]];
        padded[size++] = ' ';
        for (Py_ssize_t start = 0; start + self->characters_from <= size; start++) {
            uint64_t hash = HASH_START;
            for (int n = 1; n <= self->characters_to && start + n <= size; n++) {
                hash = HASH_STEP(hash, (unsigned char)padded[start + n - 1]);
                if (n < self->characters_from) continue;
                int64_t position = table_find(&self->characters, padded + start, (size_t)n, hash);
                if (position >= 0 && positions_add(found, position)) return -1;
            }
        }
    }
    return 0;
}

/* 1: found; 0: not ASCII; -1: an error is set. */
static int find_terms(const TermCounter *self, PyObject *text, Positions *found) {
    if (!PyUnicode_Check(text)) {
        PyErr_SetString(PyExc_TypeError, "a text is a str");
        return -1;
    }
    if (!PyUnicode_IS_ASCII(text)) return 0;
    const unsigned char *bytes = PyUnicode_1BYTE_DATA(text);
    Py_ssize_t length = PyUnicode_GET_LENGTH(text);
    char small[2 * ON_STACK + 8];
    uint32_t small_ends[ON_STACK + 4];
    int fits = length <= ON_STACK;
    char *room = fits ? small : PyMem_Malloc(2 * (size_t)length + 8);
    uint32_t *ends = fits ? small_ends : PyMem_Malloc(((size_t)length + 4) * sizeof(uint32_t));
    int failed = !room || !ends;
    if (failed) PyErr_NoMemory();
    if (!failed && self->words_to) failed = add_words(self, found, bytes, length, room, ends);
    if (!failed && self->characters_to) failed = add_characters(self, found, bytes, length, room);
    if (!fits) {
        PyMem_Free(room);
        PyMem_Free(ends);
    }
    return failed ? -1 : 1;
}

PyDoc_STRVAR(code_doc, "code(text)\n--\n\nThe positions of a text's known terms, with repeats, as packed int64; None where "
                       "the text is not ASCII.");

static PyObject *counter_code(TermCounter *self, PyObject *text) {
    Positions found;
    positions_init(&found);
    PyObject *answer = NULL;
    int read = find_terms(self, text, &found);
    if (read == 0) answer = Py_NewRef(Py_None);
    if (read == 1) answer = PyBytes_FromStringAndSize((char *)found.items, found.size * (Py_ssize_t)sizeof(int64_t));
    positions_free(&found);
    return answer;
}

/* Sorted positions become terms and their weights, in place; returns how many terms. */
static Py_ssize_t weigh(const TermCounter *self, Positions *found, double *values) {
    Py_ssize_t terms = 0, middle = 0;
    int64_t *at = found->items;
    for (Py_ssize_t i = 0; i < found->size;) {
        Py_ssize_t next = i + 1;
        while (next < found->size && at[next] == at[i]) next++;
        Py_ssize_t count = next - i < COUNTS ? next - i : COUNTS - 1;
        values[terms] = self->idf[at[i]] * self->weights[count];
        at[terms++] = at[i];
        if (at[terms - 1] < self->boundary) middle = terms;
        i = next;
    }
    if (!self->normed) return terms;
    for (int part = 0; part < 2; part++) {
        Py_ssize_t from = part ? middle : 0, to = part ? terms : middle;
        double total = 0.0;
        for (Py_ssize_t i = from; i < to; i++) total += values[i] * values[i];
        double norm = sqrt(total);
        for (Py_ssize_t i = from; i < to; i++) values[i] /= norm;
    }
    return terms;
}

static PyObject *as_lists(const int64_t *at, const double *values, Py_ssize_t terms) {
    PyObject *indices = PyList_New(terms), *weights = PyList_New(terms);
    for (Py_ssize_t i = 0; indices && weights && i < terms; i++) {
        PyObject *index = PyLong_FromLongLong(at[i]), *weight = PyFloat_FromDouble(values[i]);
        PyList_SET_ITEM(indices, i, index); /* a NULL is released with the list */
        PyList_SET_ITEM(weights, i, weight);
        if (!index || !weight) Py_CLEAR(indices);
    }
    PyObject *answer = indices && weights ? PyTuple_Pack(2, indices, weights) : NULL;
    Py_XDECREF(indices);
    Py_XDECREF(weights);
    return answer;
}

PyDoc_STRVAR(weigh_doc,
             "weigh(text)\n--\n\nThe terms of a text, ascending, and their weights: two lists where they are few, else two "
             "bytes objects of int64 and float64; None where the text is not ASCII.");

static PyObject *counter_weigh(TermCounter *self, PyObject *text) {
    Positions found;
    positions_init(&found);
    PyObject *answer = NULL;
    double small[ON_STACK], *values = small;
    int read = find_terms(self, text, &found);
    if (read == 0) answer = Py_NewRef(Py_None);
    if (read == 1 && !positions_sort(&found, self->size)) {
        if (found.size > ON_STACK) values = PyMem_Malloc((size_t)found.size * sizeof(double));
        if (!values) {
            PyErr_NoMemory();
        } else {
            Py_ssize_t terms = weigh(self, &found, values);
            answer = terms <= FEW ? as_lists(found.items, values, terms)
                                  : Py_BuildValue("(y#y#)", (char *)found.items, terms * (Py_ssize_t)sizeof(int64_t),
                                                  (char *)values, terms * (Py_ssize_t)sizeof(double));
        }
    }
    if (values != small) PyMem_Free(values);
    positions_free(&found);
    return answer;
}

static PyMethodDef counter_methods[] = {
    {"code", (PyCFunction)counter_code, METH_O, code_doc},
    {"weigh", (PyCFunction)counter_weigh, METH_O, weigh_doc},
    {NULL, NULL, 0, NULL},
};

static PyTypeObject TermCounterType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "assay._native.TermCounter",
    .tp_basicsize = sizeof(TermCounter),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = PyType_GenericNew,
    .tp_init = (initproc)counter_init,
    .tp_dealloc = (destructor)counter_dealloc,
    .tp_methods = counter_methods,
    .tp_doc = PyDoc_STR("A vocabulary: word terms first, then character terms."),
};

/* ---- LinearSum ---------------------------------------------------------------------------------------------------- */

typedef struct {
    PyObject_HEAD
    double start;
    Py_ssize_t dense, sparse;
    double *weights; /* of the dense features, then of the sparse ones */
} LinearSum;

static void linear_dealloc(LinearSum *self) {
    PyMem_Free(self->weights);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static int linear_init(LinearSum *self, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"start", "weights", "dense", NULL};
    PyObject *weights;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "dO!n", names, &self->start, &PyList_Type, &weights, &self->dense))
        return -1;
    Py_ssize_t size = PyList_GET_SIZE(weights);
    if (self->dense < 0 || self->dense > size) {
        PyErr_SetString(PyExc_ValueError, "dense: at most as many as weights");
        return -1;
    }
    PyMem_Free(self->weights);
    self->sparse = size - self->dense;
    self->weights = PyMem_Malloc(((size_t)size + 1) * sizeof(double));
    if (!self->weights) {
        PyErr_NoMemory();
        return -1;
    }
    return read_doubles(weights, self->weights, size, "weights: numbers");
}

PyDoc_STRVAR(sum_doc, "sum(dense, indices, values)\n--\n\n(start + dense terms in order) + (sparse terms in order). `dense` "
                      "is a list of floats; the others are lists of ints and floats.");

static PyObject *linear_sum(LinearSum *self, PyObject *const *args, Py_ssize_t count) {
    if (count != 3 || !PyList_CheckExact(args[0]) || !PyList_CheckExact(args[1]) || !PyList_CheckExact(args[2]) ||
        PyList_GET_SIZE(args[0]) != self->dense || PyList_GET_SIZE(args[1]) != PyList_GET_SIZE(args[2])) {
        PyErr_SetString(PyExc_ValueError, "sum takes a list of all dense features, and two lists of one length");
        return NULL;
    }
    double total = self->start, part = 0.0;
    for (Py_ssize_t i = 0; i < self->dense; i++) {
        double value = PyFloat_AsDouble(PyList_GET_ITEM(args[0], i));
        if (value != 0.0) total += value * self->weights[i];
    }
    const double *weights = self->weights + self->dense;
    Py_ssize_t terms = PyList_GET_SIZE(args[1]);
    for (Py_ssize_t i = 0; i < terms; i++) {
        Py_ssize_t at = PyLong_AsSsize_t(PyList_GET_ITEM(args[1], i));
        double value = PyFloat_AsDouble(PyList_GET_ITEM(args[2], i));
        if (at < 0 || at >= self->sparse) {
            if (!PyErr_Occurred()) PyErr_SetString(PyExc_IndexError, "there is no such sparse feature");
            return NULL;
        }
        part += weights[at] * value;
    }
    if (PyErr_Occurred()) return NULL;
    return PyFloat_FromDouble(terms ? total + part : total);
}

static PyMethodDef linear_methods[] = {
    {"sum", (PyCFunction)(void (*)(void))linear_sum, METH_FASTCALL, sum_doc},
    {NULL, NULL, 0, NULL},
};

static PyTypeObject LinearSumType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "assay._native.LinearSum",
    .tp_basicsize = sizeof(LinearSum),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = PyType_GenericNew,
    .tp_init = (initproc)linear_init,
    .tp_dealloc = (destructor)linear_dealloc,
    .tp_methods = linear_methods,
    .tp_doc = PyDoc_STR("A weighted sum of features."),
};

/* ---- Trees -------------------------------------------------------------------------------------------------------- */

typedef struct {
    double threshold; /* of a leaf: its value */
    int32_t feature;  /* -1: a leaf */
    int32_t left, right, set; /* set -1: the threshold decides */
} Node;

typedef struct {
    PyObject_HEAD
    Py_ssize_t trees, outputs, inputs;
    Node *nodes;
    int32_t *roots, *output;
    double *base;
    unsigned char *sets; /* 256 flags a set */
} Trees;

static void trees_free(Trees *self) {
    PyMem_Free(self->nodes);
    PyMem_Free(self->roots);
    PyMem_Free(self->output);
    PyMem_Free(self->base);
    PyMem_Free(self->sets);
    self->nodes = NULL;
    self->roots = self->output = NULL;
    self->base = NULL;
    self->sets = NULL;
}

static void trees_dealloc(Trees *self) {
    trees_free(self);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

enum { FEATURE, THRESHOLD, LEFT, RIGHT, VALUE, CHOICE, ROOT, OUTPUT, BASE, SETS, BUFFERS };

static int trees_init(Trees *self, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"feature", "threshold", "left", "right", "value", "choice",
                            "root",    "output",    "base", "sets",  "inputs", NULL};
    static const size_t width[BUFFERS] = {4, 8, 4, 4, 8, 4, 4, 4, 8, 1};
    Py_buffer given[BUFFERS];
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "y*y*y*y*y*y*y*y*y*y*n", names, &given[0], &given[1], &given[2],
                                     &given[3], &given[4], &given[5], &given[6], &given[7], &given[8], &given[9],
                                     &self->inputs))
        return -1;
    Py_ssize_t size[BUFFERS];
    int fits = 1;
    for (int i = 0; i < BUFFERS; i++) {
        fits &= given[i].len % (Py_ssize_t)width[i] == 0;
        size[i] = given[i].len / (Py_ssize_t)width[i];
    }
    Py_ssize_t nodes = size[FEATURE], sets = size[SETS] / 256;
    for (int i = THRESHOLD; i <= CHOICE; i++) fits &= size[i] == nodes;
    fits &= size[ROOT] == size[OUTPUT] && size[SETS] % 256 == 0 && nodes <= INT32_MAX;
    const int32_t *feature = given[FEATURE].buf, *left = given[LEFT].buf, *right = given[RIGHT].buf;
    const int32_t *choice = given[CHOICE].buf, *root = given[ROOT].buf, *output = given[OUTPUT].buf;
    const double *threshold = given[THRESHOLD].buf, *value = given[VALUE].buf;
    for (Py_ssize_t i = 0; fits && i < size[ROOT]; i++)
        fits &= root[i] >= 0 && root[i] < nodes && output[i] >= 0 && output[i] < size[BASE];
    for (Py_ssize_t i = 0; fits && i < nodes; i++) /* children come after their parents, so every way ends */
        fits &= feature[i] < 0 || (feature[i] < self->inputs && left[i] > i && left[i] < nodes && right[i] > i &&
                                   right[i] < nodes && choice[i] >= -1 && choice[i] < sets);
    int done = 0;
    trees_free(self);
    if (!fits) {
        PyErr_SetString(PyExc_ValueError, "the arrays are not those of trees");
    } else {
        self->trees = size[ROOT];
        self->outputs = size[BASE];
        self->nodes = PyMem_Malloc(((size_t)nodes + 1) * sizeof(Node));
        self->roots = PyMem_Malloc((size_t)given[ROOT].len + 1);
        self->output = PyMem_Malloc((size_t)given[OUTPUT].len + 1);
        self->base = PyMem_Malloc((size_t)given[BASE].len + 1);
        self->sets = PyMem_Malloc((size_t)given[SETS].len + 1);
        done = self->nodes && self->roots && self->output && self->base && self->sets;
        if (!done) PyErr_NoMemory();
    }
    if (done) {
        for (Py_ssize_t i = 0; i < nodes; i++)
            self->nodes[i] = (Node){feature[i] < 0 ? value[i] : threshold[i], feature[i], left[i], right[i],
                                    feature[i] < 0 ? -1 : choice[i]};
        memcpy(self->roots, root, (size_t)given[ROOT].len);
        memcpy(self->output, output, (size_t)given[OUTPUT].len);
        memcpy(self->base, given[BASE].buf, (size_t)given[BASE].len);
        memcpy(self->sets, given[SETS].buf, (size_t)given[SETS].len);
    }
    for (int i = 0; i < BUFFERS; i++) PyBuffer_Release(&given[i]);
    return done ? 0 : -1;
}

static inline int is_in(const unsigned char *set, double number) {
    if (!(number >= 0.0 && number < 256.0)) return 0;
    int whole = (int)number;
    return (double)whole == number && set[whole];
}

PyDoc_STRVAR(score_doc, "score(inputs)\n--\n\nThe raw scores of a list of floats: the base and then each tree, in order.");

static PyObject *trees_score(Trees *self, PyObject *inputs) {
    if (!PyList_CheckExact(inputs) || PyList_GET_SIZE(inputs) != self->inputs) {
        PyErr_SetString(PyExc_ValueError, "score takes a list of all inputs");
        return NULL;
    }
    double small[ON_STACK], few[64];
    double *x = self->inputs <= ON_STACK ? small : PyMem_Malloc((size_t)self->inputs * sizeof(double));
    double *scores = self->outputs <= 64 ? few : PyMem_Malloc((size_t)self->outputs * sizeof(double));
    PyObject *answer = NULL;
    if (!x || !scores) {
        PyErr_NoMemory();
        goto end;
    }
    for (Py_ssize_t i = 0; i < self->inputs; i++) x[i] = PyFloat_AsDouble(PyList_GET_ITEM(inputs, i));
    if (PyErr_Occurred()) goto end;
    memcpy(scores, self->base, (size_t)self->outputs * sizeof(double));
    for (Py_ssize_t tree = 0; tree < self->trees; tree++) {
        const Node *node = &self->nodes[self->roots[tree]];
        while (node->feature >= 0) {
            double value = x[node->feature];
            int goes_left = node->set < 0 ? value <= node->threshold : is_in(self->sets + 256 * (size_t)node->set, value);
            node = &self->nodes[goes_left ? node->left : node->right];
        }
        scores[self->output[tree]] += node->threshold;
    }
    answer = PyList_New(self->outputs);
    for (Py_ssize_t i = 0; answer && i < self->outputs; i++) {
        PyObject *score = PyFloat_FromDouble(scores[i]);
        PyList_SET_ITEM(answer, i, score);
        if (!score) Py_CLEAR(answer);
    }
end:
    if (x != small) PyMem_Free(x);
    if (scores != few) PyMem_Free(scores);
    return answer;
}

static PyMethodDef trees_methods[] = {
    {"score", (PyCFunction)trees_score, METH_O, score_doc},
    {NULL, NULL, 0, NULL},
};

static PyTypeObject TreesType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "assay._native.Trees",
    .tp_basicsize = sizeof(Trees),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = PyType_GenericNew,
    .tp_init = (initproc)trees_init,
    .tp_dealloc = (destructor)trees_dealloc,
    .tp_methods = trees_methods,
    .tp_doc = PyDoc_STR("Trees as one array of nodes."),
};

/* ---- statistics of a text ----------------------------------------------------------------------------------------- */

static int has(const unsigned char *text, Py_ssize_t length, const char *part, Py_ssize_t size) {
    for (Py_ssize_t i = 0; i + size <= length; i++) {
        Py_ssize_t k = 0;
        while (k < size && LOWER[text[i + k]] == (unsigned char)part[k]) k++;
        if (k == size) return 1;
    }
    return 0;
}

/* How many different words there are among those that white space separates, in lower case. */
static Py_ssize_t count_different(const unsigned char *text, Py_ssize_t length, Py_ssize_t words) {
    uint64_t slots = 16;
    while (slots < 2 * (uint64_t)words) slots *= 2;
    struct { uint64_t hash; Py_ssize_t start, size; } small[ON_STACK], *seen = small;
    if (slots > ON_STACK) seen = PyMem_Malloc(slots * sizeof(*seen));
    if (!seen) {
        PyErr_NoMemory();
        return -1;
    }
    for (uint64_t at = 0; at < slots; at++) seen[at].size = 0;
    Py_ssize_t different = 0;
    for (Py_ssize_t i = 0; i < length;) {
        if (SPACE[text[i]]) {
            i++;
            continue;
        }
        Py_ssize_t start = i;
        uint64_t hash = HASH_START;
        for (; i < length && !SPACE[text[i]]; i++) hash = HASH_STEP(hash, LOWER[text[i]]);
        uint64_t at = place_of(hash, slots - 1);
        for (; seen[at].size; at = (at + 1) & (slots - 1)) {
            Py_ssize_t k = 0;
            if (seen[at].hash != hash || seen[at].size != i - start) continue;
            while (k < i - start && LOWER[text[seen[at].start + k]] == LOWER[text[start + k]]) k++;
            if (k == i - start) break;
        }
        if (!seen[at].size) {
            seen[at].hash = hash;
            seen[at].start = start;
            seen[at].size = i - start;
            different++;
        }
    }
    if (seen != small) PyMem_Free(seen);
    return different;
}

PyDoc_STRVAR(statistics_doc,
             "text_statistics(text)\n--\n\nThe statistics of a text that is not empty, in their order; None where the text "
             "is not ASCII or may hold an address.");

static PyObject *text_statistics(PyObject *module, PyObject *given) {
    (void)module;
    if (!PyUnicode_Check(given) || !PyUnicode_IS_ASCII(given)) Py_RETURN_NONE;
    const unsigned char *text = PyUnicode_1BYTE_DATA(given);
    Py_ssize_t length = PyUnicode_GET_LENGTH(given);
    if (!length || memchr(text, '@', (size_t)length) || has(text, length, "://", 3) || has(text, length, "www.", 4))
        Py_RETURN_NONE;
    Py_ssize_t words = 0, letters_of_words = 0, exclamations = 0, questions = 0, upper = 0, lower = 0, repeated = 0, run = 1;
    for (Py_ssize_t i = 0; i < length; i++) {
        unsigned char c = text[i];
        int space = SPACE[c];
        words += !space && (i == 0 || SPACE[text[i - 1]]);
        letters_of_words += !space;
        exclamations += c == '!';
        questions += c == '?';
        upper += c >= 'A' && c <= 'Z';
        lower += c >= 'a' && c <= 'z';
        int goes_on = i + 1 < length && text[i + 1] == c;
        if (goes_on) run++;
        if (!goes_on && run >= 3) repeated += run;
        if (!goes_on) run = 1;
    }
    Py_ssize_t different = words ? count_different(text, length, words) : 0;
    if (different < 0) return NULL;
    double values[10] = {
        (double)length,
        (double)words,
        words ? (double)letters_of_words / (double)words : 0.0,
        0.0,
        0.0,
        (double)exclamations,
        (double)questions,
        upper + lower ? (double)upper / (double)(upper + lower) : 0.0,
        words ? (double)different / (double)words : 0.0,
        (double)repeated / (double)length,
    };
    PyObject *answer = PyTuple_New(10);
    for (int i = 0; answer && i < 10; i++) {
        PyObject *value = PyFloat_FromDouble(values[i]);
        PyTuple_SET_ITEM(answer, i, value);
        if (!value) Py_CLEAR(answer);
    }
    return answer;
}

/* ---- ids of rows -------------------------------------------------------------------------------------------------- */

#define LANES 8 /* rows hashed at once */
#define ID_LENGTH 36

/* Compiled twice where the C library can choose when it loads: all lanes in one register where the processor has those. */
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__)
#define FOR_WIDE_ALSO __attribute__((target_clones("avx2", "default")))
#else
#define FOR_WIDE_ALSO
#endif

typedef uint32_t Words __attribute__((vector_size(4 * LANES)));

#define ROTATED(words, by) (((words) << (by)) | ((words) >> (32 - (by))))
#define SHA1_STEP(choice, constant)                                   \
    do {                                                              \
        Words total = ROTATED(a, 5) + (choice) + e + w[i & 15] + (constant); \
        e = d;                                                        \
        d = c;                                                        \
        c = ROTATED(b, 30);                                           \
        b = a;                                                        \
        a = total;                                                    \
    } while (0)
#define SHA1_MIX (w[i & 15] = ROTATED(w[(i + 13) & 15] ^ w[(i + 8) & 15] ^ w[(i + 2) & 15] ^ w[i & 15], 1))

/* SHA-1 (FIPS 180-4, section 6.1.3) of one block a lane; the first four words of each digest. */
FOR_WIDE_ALSO static void sha1_blocks(Words w[16], Words digest[4]) {
    static const uint32_t start[5] = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0};
    const Words zero = {0};
    Words a = zero + start[0], b = zero + start[1], c = zero + start[2], d = zero + start[3], e = zero + start[4];
    for (int i = 0; i < 16; i++) SHA1_STEP(d ^ (b & (c ^ d)), 0x5A827999u);
    for (int i = 16; i < 20; i++) {
        SHA1_MIX;
        SHA1_STEP(d ^ (b & (c ^ d)), 0x5A827999u);
    }
    for (int i = 20; i < 40; i++) {
        SHA1_MIX;
        SHA1_STEP(b ^ c ^ d, 0x6ED9EBA1u);
    }
    for (int i = 40; i < 60; i++) {
        SHA1_MIX;
        SHA1_STEP((b & c) | (d & (b | c)), 0x8F1BBCDCu);
    }
    for (int i = 60; i < 80; i++) {
        SHA1_MIX;
        SHA1_STEP(b ^ c ^ d, 0xCA62C1D6u);
    }
    digest[0] = a + start[0];
    digest[1] = b + start[1];
    digest[2] = c + start[2];
    digest[3] = d + start[3];
}

/* The block of a row, in its lane: the job, the row's number in digits, and the padding. */
static void fill_lane(Words w[16], int lane, const unsigned char *job, uint64_t number) {
    unsigned char block[64] = {0}, digits[20];
    int count = 0;
    memcpy(block, job, 16);
    for (; number || !count; number /= 10) digits[count++] = (unsigned char)('0' + number % 10);
    for (int i = 0; i < count; i++) block[16 + i] = digits[count - 1 - i];
    block[16 + count] = 0x80;
    block[62] = (unsigned char)(8 * (16 + count) >> 8);
    block[63] = (unsigned char)(8 * (16 + count));
    for (int i = 0; i < 16; i++) {
        const unsigned char *at = block + 4 * i;
        w[i][lane] = (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
    }
}

/* A UUID of version 5 (RFC 9562, section 5.5) as text. */
static void write_id(const Words digest[4], int lane, char text[ID_LENGTH]) {
    static const char hex[] = "0123456789abcdef";
    static const int parts[5] = {8, 4, 4, 4, 12};
    char digits[32], *from = digits;
    for (int i = 0; i < 4; i++) {
        uint32_t word = digest[i][lane];
        if (i == 1) word = (word & 0xFFFF0FFFu) | 0x5000u;
        if (i == 2) word = (word & 0x3FFFFFFFu) | 0x80000000u;
        for (int k = 0; k < 8; k++) digits[8 * i + k] = hex[word >> (28 - 4 * k) & 15];
    }
    for (int i = 0; i < 5; from += parts[i], text += parts[i] + 1, i++) {
        memcpy(text, from, (size_t)parts[i]);
        if (i < 4) text[parts[i]] = '-';
    }
}

PyDoc_STRVAR(ids_doc, "row_ids(job, first, rows)\n--\n\nThe UUIDs of rows from number `first` on, 36 characters each, one "
                      "behind the other; `job` is 16 bytes.");

static PyObject *row_ids(PyObject *module, PyObject *args) {
    (void)module;
    const unsigned char *job;
    Py_ssize_t size, rows;
    long long first;
    if (!PyArg_ParseTuple(args, "y#Ln", &job, &size, &first, &rows)) return NULL;
    if (size != 16 || first < 0 || rows < 0 || rows > PY_SSIZE_T_MAX / ID_LENGTH || first > INT64_MAX - rows) {
        PyErr_SetString(PyExc_ValueError, "row_ids takes 16 bytes and counts");
        return NULL;
    }
    PyObject *answer = PyBytes_FromStringAndSize(NULL, rows * ID_LENGTH);
    if (!answer) return NULL;
    char *text = PyBytes_AS_STRING(answer);
    Words w[16], digest[4];
    for (Py_ssize_t row = 0; row < rows; row += LANES) {
        for (int lane = 0; lane < LANES; lane++) fill_lane(w, lane, job, (uint64_t)(first + row) + (uint64_t)lane);
        sha1_blocks(w, digest);
        for (int lane = 0; lane < LANES && row + lane < rows; lane++) write_id(digest, lane, text + (row + lane) * ID_LENGTH);
    }
    return answer;
}

/* ---- powers of e -------------------------------------------------------------------------------------------------- */

PyDoc_STRVAR(powers_doc, "powers(exponents)\n--\n\ne to the power of each of some packed float64, packed, as `math.exp` has "
                         "them; what is too large is infinite.");

static PyObject *powers(PyObject *module, PyObject *given) {
    (void)module;
    Py_buffer view;
    if (PyObject_GetBuffer(given, &view, PyBUF_SIMPLE)) return NULL;
    PyObject *answer = NULL;
    Py_ssize_t count = view.len / (Py_ssize_t)sizeof(double);
    if (view.len % (Py_ssize_t)sizeof(double)) {
        PyErr_SetString(PyExc_ValueError, "powers takes packed float64");
    } else if ((answer = PyBytes_FromStringAndSize(NULL, view.len))) {
        char *to = PyBytes_AS_STRING(answer);
        const char *from = view.buf;
        for (Py_ssize_t i = 0; i < count; i++) {
            double value;
            memcpy(&value, from + i * (Py_ssize_t)sizeof(double), sizeof(double));
            value = exp(value);
            memcpy(to + i * (Py_ssize_t)sizeof(double), &value, sizeof(double));
        }
    }
    PyBuffer_Release(&view);
    return answer;
}

/* ---- the module --------------------------------------------------------------------------------------------------- */

static PyMethodDef functions[] = {
    {"text_statistics", text_statistics, METH_O, statistics_doc},
    {"row_ids", row_ids, METH_VARARGS, ids_doc},
    {"powers", powers, METH_O, powers_doc},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "assay._native", .m_size = -1, .m_methods = functions,
    .m_doc = PyDoc_STR("The inner loops of one row."),
};

PyMODINIT_FUNC PyInit__native(void) {
    fill_classes();
    PyObject *module = PyModule_Create(&definition);
    if (!module || PyModule_AddType(module, &TermCounterType) || PyModule_AddType(module, &LinearSumType) ||
        PyModule_AddType(module, &TreesType)) {
        Py_XDECREF(module);
        return NULL;
    }
    return module;
}
