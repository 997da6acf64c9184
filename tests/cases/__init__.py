"""What use from outside broke, each with the right answer as a test; its mark is the fault's number.

`@pytest.mark.case("W3")` names one fault that was found: A for availability, W for wrong answers, F for files and the
command line. The tests hold the fault's whole kind, on both databases and at every door that it concerns.
"""
