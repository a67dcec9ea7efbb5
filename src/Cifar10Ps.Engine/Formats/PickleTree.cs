namespace Cifar10Ps.Formats;

/// <summary>
/// The values of a pickle as a tree of names, and the dictionaries of tensors in it, wherever they are: at the top, in a training program's
/// checkpoint under any name, in a list, or in an object's attributes.
/// </summary>
internal sealed class PickleTree
{
    // Nothing that a program writes is deeper; a path through a hostile pickle could be as long as the pickle.
    private const int DeepestLevel = 32;

    private readonly Dictionary<TensorGroup, Node> _groups = [];
    private readonly PickleGlobal? _model;
    private readonly (string Name, PickleGlobal Maker)? _otherTensor;
    private readonly string[] _topNames;

    /// <summary>Searches a pickle.</summary>
    /// <param name="root">What it holds.</param>
    public PickleTree(object? root)
    {
        Node top = new(root, null, null, 0);
        _topNames = [.. Children(top).Select(child => child.Path()).Take(DisplayText.ListedNames + 1)];
        // A shared value has the name under which it is found first.
        HashSet<object> seen = new(ReferenceEqualityComparer.Instance);
        Queue<Node> waiting = new([top]);
        while (waiting.TryDequeue(out Node? node))
        {
            if (!seen.Add(node.Value!))
                continue;
            if (node.Value is PickleMap map)
            {
                _otherTensor ??= OtherTensor(map);
                if (Group(map, node) is { } group)
                    _groups.Add(group, node);
            }
            else if (node.Value is PickleObject { State: PickleMap state } model && state.Items.Any(item => item.Key is "_modules"))
            {
                // Its tensors are scattered over its layers, and what they compute is defined in code.
                _model ??= model.Maker;
                continue;
            }

            if (node.Level < DeepestLevel)
                foreach (Node child in Children(node)
                    .Where(child => child.Value is PickleMap or PickleObject or List<object?> or object?[]))
                    waiting.Enqueue(child);
        }
    }

    /// <summary>The dictionaries that hold tensors, those nearest to the top first.</summary>
    public IEnumerable<TensorGroup> Groups => _groups.Keys;

    /// <summary>The floating-point tensors of a dictionary, by name.</summary>
    public Dictionary<string, TorchTensor> TensorsOf(TensorGroup group) =>
        Tensors((PickleMap)_groups[group].Value!).ToDictionary(tensor => tensor.Name, tensor => tensor.Tensor, StringComparer.Ordinal);

    /// <summary>Names of the siblings of a dictionary, and of its ancestors' siblings.</summary>
    public IEnumerable<string> Beside(TensorGroup group)
    {
        for (Node node = _groups[group]; node.Parent is { } parent; node = parent)
            foreach (Node child in Children(parent).Where(child => !ReferenceEquals(child.Value, node.Value)))
                yield return child.Path();
    }

    /// <summary>Whether it holds weights in an unsupported form.</summary>
    public bool HoldsOther => _model is not null || _otherTensor is not null;

    /// <summary>Why the pickle holds no dictionary of tensors, in the words of an error.</summary>
    public string WhyNoStateDict() => this switch
    {
        { _otherTensor: ({ } name, { Name: "_rebuild_qtensor" }) } =>
            $"its tensor '{name}' is quantised: save the state dict of the model as it was before it was quantised",
        { _otherTensor: ({ } name, { } maker) } =>
            $"its tensor '{name}' is of a kind ('{DisplayText.Name(maker.ToString())}') that is not supported: save plain, dense tensors",
        { _model: { } model } =>
            $"it holds a whole pickled model of the class '{DisplayText.Name(model.ToString())}', whose code defines what it computes: "
            + "save model.state_dict() instead",
        { _topNames.Length: > 0 } => $"it holds no state dict, only {DisplayText.List(_topNames)}",
        _ => "it holds no state dict",
    };

    private static TensorGroup? Group(PickleMap map, Node node)
    {
        Dictionary<string, int[]> shapes = new(StringComparer.Ordinal);
        foreach ((string name, TorchTensor tensor) in Tensors(map))
            if (!shapes.TryAdd(name, tensor.Size))
                throw new InvalidDataException($"it has two tensors '{DisplayText.Name(name)}'");
        return shapes.Count == 0 || OtherTensor(map) is not null ? null
            : new TensorGroup(node.Path(), shapes,
                [.. map.Items.Where(item => !IsWeight(item.Value)).Select(item => item.Key).OfType<string>().Select(DisplayText.Escape)]);
    }

    private static IEnumerable<(string Name, TorchTensor Tensor)> Tensors(PickleMap map)
    {
        foreach ((object? key, object? value) in map.Items)
            if (key is string name && IsWeight(value))
                yield return (DisplayText.Escape(name), TensorOf(value)!);
    }

    private static bool IsWeight(object? value) => TensorOf(value) is { } tensor && ElementType.IsFloat(tensor.Storage.Type.Name);

    /// <summary>The tensor that a value is; before PyTorch 0.4, tensors and parameters were objects with a state.</summary>
    private static TorchTensor? TensorOf(object? value) => value switch
    {
        PickleObject { Maker: { Module: "torch.nn.parameter", Name: "Parameter" } } made =>
            PlainTensorOf(made.State is object?[] { Length: 5 } state ? state[0] : made.Arguments.FirstOrDefault()),
        _ => PlainTensorOf(value),
    };

    private static TorchTensor? PlainTensorOf(object? value) => value switch
    {
        TorchTensor tensor => tensor,
        PickleObject { Maker.Module: "torch" or "torch.cuda", State: object?[] { Length: 4 } state } made
            when made.Maker.Name.EndsWith("Tensor", StringComparison.Ordinal) => TorchTensor.Rebuild(state) as TorchTensor,
        _ => null,
    };

    /// <summary>A tensor that is not a plain array of numbers: quantised, sparse.</summary>
    private static (string, PickleGlobal)? OtherTensor(PickleMap map)
    {
        foreach ((object? key, object? value) in map.Items)
            if (key is string name && value is PickleObject { Maker: { Module: "torch._utils" or "torch._tensor" } maker }
                && maker.Name.StartsWith("_rebuild", StringComparison.Ordinal))
                return (DisplayText.Name(name), maker);
        return null;
    }

    private static IEnumerable<Node> Children(Node node)
    {
        IEnumerable<(object? Name, object? Value)> children = node.Value switch
        {
            PickleMap map => map.Items,
            List<object?> list => Numbered(list),
            object?[] tuple => Numbered(tuple),
            // Its attributes and entries count as its own.
            PickleObject made => Numbered(made.Arguments).Concat(made.Entries?.Items ?? []).Concat(Numbered(made.Elements ?? []))
                .Append((null, made.State)),
            _ => [],
        };
        return children.Select(child => new Node(child.Value, node, child.Name, node.Level + 1));

        static IEnumerable<(object?, object?)> Numbered(IEnumerable<object?> items) => items.Select((item, i) => ((object?)i, item));
    }

    private sealed record Node(object? Value, Node? Parent, object? Name, int Level)
    {
        /// <summary>The names on the way to it, with dots between.</summary>
        public string Path()
        {
            string path = Parent?.Path() ?? "", name = Name is string or int or long ? DisplayText.Name($"{Name}") : "";
            return path.Length == 0 || name.Length == 0 ? path + name : $"{path}.{name}";
        }
    }
}
