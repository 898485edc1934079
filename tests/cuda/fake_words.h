/* What the libraries in the place of others say of a status. An includer has defined the codes of
 * its library before, as enumerators of these names. */
#ifndef EIE_TESTS_CUDA_FAKE_WORDS_H
#define EIE_TESTS_CUDA_FAKE_WORDS_H

static const char *fake_words(unsigned status)
{
    switch (status) {
    case SUCCESS:
        return "the fake's success";
    case NOT_INITIALIZED:
        return "the fake was not initialised";
    case ALLOC_FAILED:
        return "the fake has no memory";
    case INVALID_VALUE:
        return "the fake does not take this value";
    case EXECUTION_FAILED:
        return "the fake is broken";
    case NOT_SUPPORTED:
        return "the fake does not do this";
    default:
        return "none of the fake's";
    }
}

#endif
