using System.Collections;
using System.Management.Automation;
using System.Management.Automation.Language;

namespace Cifar10Ps;

/// <summary>Completes the rule by which class weights can be computed, and a hashtable for weights by hand.</summary>
public sealed class ClassWeightsCompleter : IArgumentCompleter
{
    private static readonly (string Text, string Meaning)[] Forms =
    [
        (nameof(ClassWeights.Balanced), "Every class counts the same, however many images it has"),
        ("@{ }", "Weights by the names of classes, such as @{ cat = 2 }"),
    ];

    /// <inheritdoc/>
    public IEnumerable<CompletionResult> CompleteArgument(string commandName, string parameterName, string wordToComplete,
        CommandAst commandAst, IDictionary fakeBoundParameters) =>
        from form in Forms
        where form.Text.StartsWith(wordToComplete, StringComparison.OrdinalIgnoreCase)
        select new CompletionResult(form.Text, form.Text, CompletionResultType.ParameterValue, form.Meaning);
}
