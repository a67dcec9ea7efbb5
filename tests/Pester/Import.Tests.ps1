BeforeAll { . $PSScriptRoot/Setup.ps1 }

Describe 'Import' {
    It 'brings the commands of its manifest and no others' {
        $exported = (Import-PowerShellDataFile $modulePath/Cifar10Ps.psd1).CmdletsToExport | Sort-Object
        (Get-Command -Module Cifar10Ps).Name | Sort-Object | Should -Be $exported
    }

    It 'uses approved verbs and says what each command returns' {
        foreach ($command in Get-Command -Module Cifar10Ps) {
            $command.Verb | Should -BeIn (Get-Verb).Verb
            $command.OutputType.Name | Should -Not -BeNullOrEmpty -Because $command.Name
        }
    }

    It 'has a valid manifest' {
        (Test-ModuleManifest $modulePath/Cifar10Ps.psd1).PowerShellVersion | Should -Be '7.6'
    }

    It 'accepts objects from before <_>' -ForEach 'Import-Module -Force', 'Remove-Module' {
        if ($_ -eq 'Remove-Module') { Remove-Module Cifar10Ps }
        Import-Module $modulePath -Force
        $data.Test[0] | Invoke-Inference $model | Should -BeOfType ([Cifar10Ps.Prediction])
    }
}

Describe 'Jobs' {
    It 'trains in a thread job and gives live objects' {
        $job = Start-ThreadJob { Import-Module $using:modulePath; $using:data | Start-ModelTraining $using:model -Epochs 1 -BatchSize 32 }
        Receive-Job $job -Wait -AutoRemoveJob | Should -BeOfType ([Cifar10Ps.EpochReport])
    }

    It 'trains in a background job whose reports come back as data' {
        $job = Start-Job {
            Import-Module $using:modulePath
            Get-Cifar10 -Synthetic -TrainCount 32 -TestCount 16 | Start-ModelTraining (New-ResNet20) -Epochs 1 -BatchSize 32
        }
        $report = Receive-Job $job -Wait -AutoRemoveJob
        $report.Epoch | Should -Be 1
        $report.ValidationAccuracy | Should -BeOfType ([double])
    }

    It 'lets several runspaces use one model at a time' {
        $classes = 1..4 | ForEach-Object -Parallel {
            Import-Module $using:modulePath
            ($using:data).Test | Invoke-Inference $using:model | ForEach-Object Class
        } -ThrottleLimit 4
        $classes.Count | Should -Be 128
        $classes | Sort-Object -Unique | Should -Be @($data.Test | Invoke-Inference $model | ForEach-Object Class | Sort-Object -Unique)
    }
}

Describe 'Views' {
    It 'shows <script> as a table or list' -ForEach @(
        @{
            script = { $data | Start-ModelTraining $model @quick }
            view = 'Epoch +Loss +Accuracy +ValLoss +ValAccuracy +LearningRate +ImagesPerSec +Elapsed' +
                '\r?\n.*\r?\n +1 .*%.*%.*00:00:\d\d\r?\n +2 '
        }
        @{
            script = { $data.Test[3] | Invoke-Inference $model }
            view = 'Image +Truth +Guess +Confidence +NextGuesses\r?\n.*\r?\n3 +triangle .* %.* %, '
        }
        @{ script = { ($data.Test[3] | Invoke-Inference $model).Top }; view = 'Rank +Class +Probability\r?\n.*\r?\n +1 .* [\d.,]+ ?%' }
        @{
            script = { $data | Measure-Model $model }
            view = 'Accuracy +: [\d.,]+ ?%[^:]*Top5Accuracy[^:]*: [^:]*BalancedAccuracy[^:]*: [^:]*MacroF1[^:]*: [^:]*WeightedF1[^:]*: [^:]*CalibrationError[^:]*: [^:]*Classes +: +Precision +Recall +F1 +Count'
        }
        @{ script = { $model }; view = 'Name +: ResNet-20[^:]*: 10: [^:]*: ResNet-20, Projection[^:]*: 272.474' }
        @{ script = { $data }; view = 'Name +: Synthetic[^:]*: 64[^:]*: 32' }
        @{
            script = { $model | Get-ModelSummary }
            view = 'Model: ResNet-20: 272.474 parameters, 40.8 M mult-adds, 2.6 MB an image\r?\n\r?\n' +
                'Name +Kind +OutputShape +Parameters +MultiplyAdds +Memory\r?\n' +
                '(?s).*layer2\.0\.conv1 +Convolution +32 x 16 x 16 +4.608 +1.179.648 +32 KB'
        }
        @{ script = { $data.Test[1] }; view = 'Index +Label +LabelName +Width +Height +Path\r?\n.*\r?\n +1 +1 +ring +32 +32' }
    ) {
        & $script | Out-String -Width 120 | Should -Match $view
    }

    It 'has a table of 80 columns and a list for <_>' -ForEach 'EpochReport', 'Prediction', 'ClassProbability', 'Evaluation',
        'ClassEvaluation', 'ImageClassifier', 'ImageDataset', 'LabeledImage', 'LayerSummary' {
        $object = switch ($_) {
            'EpochReport' { $data | Start-ModelTraining (New-ResNet20) -Epochs 1 -BatchSize 32 }
            'Prediction' { $data.Test[3] | Invoke-Inference $model }
            'ClassProbability' { ($data.Test[3] | Invoke-Inference $model).Top }
            'Evaluation' { $data | Measure-Model $model }
            'ClassEvaluation' { ($data | Measure-Model $model).Classes }
            'ImageClassifier' { $model }
            'ImageDataset' { $data }
            'LabeledImage' { $data.Test[1] }
            'LayerSummary' { $model | Get-ModelSummary }
        }
        $table = $object | Format-Table | Out-String -Width 80 -Stream | Where-Object { $_ }
        $table | ForEach-Object { $_.Length | Should -BeLessOrEqual 80 }
        $table | Where-Object { $_ -match '^[- ]+$' } | Should -HaveCount 1
        $object | Format-List | Out-String -Width 80 | Should -Match '(?m)^\w+ +: '
    }

    It 'sorts <what> by what matters' -ForEach @(
        @{ what = 'predictions'; script = { $data.Test | Invoke-Inference $model }; property = 'Confidence' }
        @{ what = 'classes'; script = { ($data | Measure-Model $model).Classes }; property = 'F1' }
        @{ what = 'images'; script = { $data.Test[3, 1, 2] }; property = 'Index' }
    ) {
        $objects = & $script
        $objects | Sort-Object | ForEach-Object $property | Should -Be ($objects | ForEach-Object $property | Sort-Object)
    }
}
