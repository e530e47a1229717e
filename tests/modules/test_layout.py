"""Layouts: text, programs and types, and errors that point at the place."""

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfmeta.core.checks import TfmetaError
from tfmeta.modules import Layout, LayoutError, parse_layout

words = st.from_regex(r"[a-zé0-9_'\-]{1,8}", fullmatch=True)
leaves = st.builds(Layout, st.sampled_from(["lookup", "find"]), words)
attentions = st.recursive(
    leaves,
    lambda inner: (
        st.builds(lambda word, child: Layout("relate", word, (child,)), words, inner)
        | st.lists(inner, min_size=2, max_size=4).map(lambda several: Layout("and", "", tuple(several)))
    ),
    max_leaves=8,
)
labels = st.builds(
    lambda module, word, child: Layout(module, "" if module == "exists" else word, (child,)),
    st.sampled_from(["describe", "measure", "exists"]),
    words,
    attentions,
)
layouts = attentions | labels


def flat(layout: Layout) -> Layout:
    """The same layout, with an `and` that comes first in an `and` dissolved in it."""
    children = tuple(map(flat, layout.children))
    if layout.module == "and" and children[0].module == "and":
        children = (*children[0].children, *children[1:])
    return Layout(layout.module, layout.argument, children)


@settings(max_examples=25, deadline=None)
@given(layouts)
def test_what_is_printed_is_read_back(layout):
    assert parse_layout(str(layout)) == layout
    assert hash(parse_layout(str(layout))) == hash(layout)
    assert parse_layout(str(layout).replace(" ", "\n\t ").replace("(", "( ")) == layout


@settings(max_examples=25, deadline=None)
@given(layouts)
def test_a_program_is_read_back(layout):
    assert Layout.from_tokens([*layout.tokens(), "", ""]) == flat(layout)


@settings(max_examples=25, deadline=None)
@given(layouts)
def test_a_program_keeps_the_stack(layout):
    depth = 0
    for token in layout.tokens():
        depth += {"lookup": 1, "find": 1, "and": -1}.get(token.split("[")[0], 0)
        assert depth >= 1
    assert depth == 1


def test_the_forms_of_the_lecture():
    question = parse_layout("(exists (and lookup[key-largo] find[island]))")
    assert question.tokens() == ["lookup[key-largo]", "find[island]", "and", "exists"]
    assert question.output == "labels"
    assert question.children[0].output == "attention"
    sheep = parse_layout("""
        (describe[what]
          (and find[sheep]
            find[ear]))
    """)
    assert str(sheep) == "(describe[what] (and find[sheep] find[ear]))"
    assert parse_layout("(find[sheep])") == Layout("find", "sheep")
    assert str(sheep) != str(question)
    assert sheep != question


@pytest.mark.parametrize(
    ("text", "message", "place"),
    [
        ("", "Expected a module .*the text ends", 0),
        ("(and find[a] fnid[b])", "Unknown module 'fnid'. Did you mean find", 13),
        ("(and find[a]", "never closed", 0),
        ("(relate[in] (and find[a] find[b])", "never closed", 0),
        ("find[a] find[b]", "has ended", 8),
        ("find[a])", "has ended", 7),
        ("(exists ])", "Expected a module .*']' came", 8),
        ("find[key largo]", "find needs a word", 0),
        ("(exists find)", r"find needs a word: find\[word\]", 8),
        ("(exists find[])", r"find needs a word", 8),
        ("(exists[it] find[a])", "exists takes no word, but 'it' came", 1),
        ("(and find[a])", "and takes two attentions or more, 1 came", 1),
        ("(relate[in] find[a] find[b])", "relate takes one attention, 2 came", 20),
        ("(relate[in])", "relate takes one attention, none came", 1),
        ("(find[a] find[b])", "find takes no attention, 1 came", 9),
        ("(and find[a] (exists find[b]))", "and takes attentions, but exists gives labels", 13),
        ("(exists (describe[color] find[a]))", "exists takes attentions, but describe gives labels", 8),
        ("(" * 200, "Expected a module", 1),
        ("(and " * 200, "deeper than 64", None),
    ],
)
def test_an_error_points_at_the_place(text, message, place):
    with pytest.raises(LayoutError, match=message) as caught:
        parse_layout(text)
    _, line, caret = str(caught.value).split("\n")
    assert line == "  " + text
    assert place is None or caret == "  " + " " * place + "^"
    assert isinstance(caught.value, TfmetaError)
    assert isinstance(caught.value, ValueError)


def test_an_error_shows_the_one_line_of_many():
    with pytest.raises(LayoutError) as caught:
        parse_layout("(exists\n\t(and find[a]\n\t\tfind[b]\n\t\texists))")
    assert str(caught.value).split("\n")[1:] == ["  \t\texists))", "  \t\t^"]


def test_a_layout_that_breaks_a_type_is_not_built():
    island = Layout("find", "island")
    exists = Layout("exists", children=(island,))
    with pytest.raises(LayoutError, match="and takes attentions, but exists gives labels") as caught:
        Layout("and", children=(island, exists))
    assert str(caught.value).split("\n")[1:] == [
        "  (and find[island] (exists find[island]))",
        "  " + " " * 18 + "^",
    ]
    with pytest.raises(LayoutError, match="join its parts by hyphens"):
        Layout("lookup", "key largo")
    with pytest.raises(LayoutError, match="relate takes one attention, 2 came"):
        Layout("relate", "in", (island, island))


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        ([], "leaves 0"),
        (["", ""], "leaves 0"),
        (["find[a]", "find[b]"], "leaves 2"),
        (["find[a]", "and"], "and takes two attentions from the stack, which holds 1"),
        (["find[a]", "exists", "relate[in]"], "relate takes attentions, but exists gives labels"),
        (["find[a]", "fnid[b]"], "Unknown module"),
        (["find[a", "exists"], "is no step of a program"),
    ],
)
def test_a_program_that_does_not_run_is_refused(tokens, message):
    with pytest.raises(LayoutError, match=message):
        Layout.from_tokens(tokens)


def test_layouts_need_no_tensorflow():
    code = (
        "import sys, tfmeta.modules as m; m.parse_layout('find[a]'); assert 'tensorflow' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
